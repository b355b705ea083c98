#compdef tp
# Completes tp in zsh:  tp completion zsh > "${fpath[1]}/_tp"   or, behind compinit:  source <(tp completion zsh)

_tp() {
  local line word files=0 nospace=0
  local -a candidates options
  while IFS= read -r line; do
    case $line in
      :files) files=1 ;;
      :directories) files=1 options=(-/) ;;
      :nospace) nospace=1 ;;
      *)
        # _describe reads WORD:DESCRIPTION
        word=${line%%$'\t'*}
        word=${${word//\\/\\\\}//:/\\:}
        if [[ $line == *$'\t'* ]]; then word+=:${line#*$'\t'}; fi
        candidates+=("$word")
        ;;
    esac
  done < <(tp __complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
  if ((files)); then
    compset -P '-*='
    _files "${(@)options}"
    return
  fi
  if ((nospace)); then options=(-S ''); fi
  _describe tp candidates "${(@)options}"
}

if [[ $funcstack[1] == _tp ]]; then _tp "$@"; else compdef _tp tp; fi
