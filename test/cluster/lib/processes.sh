# Daemons are known by process id and start time, so that an id the system gave to another is never signalled.

# Field 22 of stat, counted after the name, which may hold spaces; nothing for a zombie, as init may take its time.
started_at() { # pid
  local fields
  read -r -a fields 2>/dev/null < <(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 0
  [ "${fields[0]}" = Z ] || echo "${fields[19]}"
}

remember() { # name pid
  mkdir -p "$run_dir/pids"
  echo "$2 $(started_at "$2")" >"$run_dir/pids/$1"
}

alive() { # name
  local pid since
  read -r pid since 2>/dev/null <"$run_dir/pids/$1" || return 1
  [ -n "$since" ] && [ "$(started_at "$pid")" = "$since" ]
}

start() { # name command...: a daemon of its own session, its output in the log folder
  local name=$1
  shift
  alive "$name" && return
  mkdir -p "$state/log"
  setsid "$@" >"$state/log/$name.log" 2>&1 </dev/null 9>&- &
  remember "$name" $!
}

start_on_node() { # name command...: the same in the node's network namespace
  local name=$1
  shift
  start "$name" nsenter --net="/run/netns/$node" "$@"
}

stop() { # name [signal]: ask, wait 10 s, insist
  local pid i
  if alive "$1"; then
    read -r pid _ <"$run_dir/pids/$1"
    kill -s "${2:-TERM}" "$pid" 2>/dev/null || true
    for ((i = 0; i < 200; i++)); do
      alive "$1" || break
      sleep 0.05
    done
    if alive "$1"; then kill -9 "$pid"; fi
  fi
  rm -f "$run_dir/pids/$1"
}

wait_until() { # seconds what command...
  local limit=$1 what=$2 deadline=$((SECONDS + $1))
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || fail "$what: no success in $limit s; the logs are in $state/log"
    sleep 0.1
  done
}
