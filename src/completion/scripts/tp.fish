# Completes tp in fish:  tp completion fish | source

function __tp_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (tp __complete -- $words[2..] "$current" 2>/dev/null)
        switch $line
            case :files
                __tp_complete_path __fish_complete_path $current
            case :directories
                __tp_complete_path __fish_complete_directories $current
            case ':*'
                # fish sets no space behind "=", ":" and "/" by itself
            case '*'
                echo $line
        end
    end
end

function __tp_complete_path -a complete current
    set -l flag (string match -r -- '^-[^=]*=' $current)
    for path in ($complete (string sub -s (math (string length -- "$flag") + 1) -- $current))
        echo "$flag$path"
    end
end

complete -c tp -f -a '(__tp_complete)'
