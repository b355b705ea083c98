# The host's dockerd: started where none runs, and ended on `down --purge` if it was this script that started it.

docker_answers() { docker version >/dev/null 2>&1; }

docker_up() {
  docker_answers && return
  say "starting dockerd"
  # What it will leave behind in the host's network is only removed if it was not there before.
  mkdir -p "$state"
  [ -e /sys/class/net/docker0 ] || iptables -S FORWARD | head -n 1 >"$state/docker-network-is-ours"
  start dockerd dockerd
  wait_until 30 "dockerd" docker_answers
}

docker_down() {
  alive dockerd || return 0
  if [ -n "$(docker ps -q)" ] || [ -n "$(docker network ls -q --filter type=custom)" ]; then
    say "dockerd keeps running: it has other containers or networks"
    return
  fi
  stop dockerd
  [ -e "$state/docker-network-is-ours" ] || return 0
  ip link del docker0 2>/dev/null || true
  iptables-save | grep -v -e DOCKER -e docker0 | iptables-restore
  # shellcheck disable=SC2046
  iptables $(cat "$state/docker-network-is-ours")
}
