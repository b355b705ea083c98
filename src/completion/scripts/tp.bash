# Completes tp in bash 4.4 or newer:  source <(tp completion bash)

_tp() {
  # Readline breaks words at ":", "=" and "@" too. Blanks tell the words as tp gets them.
  local line=${COMP_LINE:0:COMP_POINT} words=() word='' piece i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    if [[ $line == [[:space:]]* ]]; then
      words+=("$word")
      word='' line=${line#"${line%%[![:space:]]*}"}
    fi
    piece=${line:0:${#COMP_WORDS[i]}}
    word+=$piece line=${line:${#piece}}
  done
  words=("${words[@]//[\"\'\\]/}")
  local current=${word//[\"\'\\]/} replaced=${2//[\"\'\\]/}
  local kept=${current%"$replaced"}

  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) compopt -o default ;;
      :directories) compopt -o dirnames ;;
      :nospace) compopt -o nospace ;;
      "$current"*)
        word=${line%%$'\t'*}
        word=${word#"$kept"}
        # Outside of quotes the shell can be kept from reading what is in a name. Inside, such a name is left out.
        if [[ $piece != [\"\']* ]]; then
          printf -v word %q "$word"
        elif [[ $word == *[\"\'\\\$\`!]* ]]; then
          continue
        fi
        COMPREPLY+=("$word")
        ;;
    esac
  done < <(tp __complete -- "${words[@]:1}" "$current" 2>/dev/null)
}

complete -F _tp tp
