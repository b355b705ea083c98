# The Kubernetes binary, compiled once into the cache from Go modules.
go_wanted=1.25.0

build_kubenode() {
  local sum
  sum=$(cat "$here"/{go.mod,go.sum,main.go} | sha256sum | cut -d' ' -f1)
  [ "$(cat "$build/kubenode.sum" 2>/dev/null)" = "$sum" ] && return
  mkdir -p "$build"
  find_go
  say "building Kubernetes (once; 6 to 10 minutes on 2 cores), log in $build/build.log"
  : >"$build/build.log"
  local -x CGO_ENABLED=0 GOFLAGS=-buildvcs=false
  # The list of packages needs their sources, so making it is what fetches the modules.
  { $go -C "$here" list -deps . 2>&1 >"$build/packages" | progress "modules fetched"; } || build_failed
  { $go -C "$here" build -v -trimpath -ldflags '-s -w' -o "$build/kubenode" . 2>&1 |
    progress "of $(wc -l <"$build/packages") packages compiled"; } || build_failed
  $go -C "$here" build -trimpath -ldflags '-s -w' -o "$build/pause" ./pause || build_failed
  echo "$sum" >"$build/kubenode.sum"
}

build_failed() {
  tail -n 20 "$build/build.log" >&2
  fail "could not build Kubernetes: the lines above end $build/build.log"
}

# Logs the lines it reads and counts them for whoever waits: in place on a terminal, else every half minute.
progress() { # what
  local count=0 line status began=$SECONDS shown=$SECONDS every=30 before='' after=$'\n'
  if [ -t 2 ]; then every=1 before=$'\r\e[K' after=''; fi
  while true; do
    status=0
    read -r -t 1 line || status=$?
    [ $status -ne 0 ] || { echo "$line" >>"$build/build.log" && count=$((count + 1)); }
    if [ $((SECONDS - shown)) -ge $every ] || { [ $status = 1 ] && [ $SECONDS != "$began" ]; }; then
      shown=$SECONDS
      printf '%scluster: %d:%02d  %d %s%s' "$before" $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)) \
        "$count" "$1" "$after" >&2
    fi
    [ $status != 1 ] || break # 1 is the end of input, above 128 only a pause in it
  done
  [ ! -t 2 ] || echo >&2
}

# Debian's own Go is too old for Kubernetes, but it can fetch a newer one, which is published as a Go module.
find_go() {
  go=go
  go_is_new_enough && return
  command -v go >/dev/null || apt_install golang-go
  go_is_new_enough && return
  local version dir
  version=v0.0.1-go$go_wanted.linux-$(dpkg --print-architecture)
  say "fetching Go $go_wanted: GOTOOLCHAIN=local go mod download golang.org/toolchain@$version"
  dir=$(cd "$build" && GOTOOLCHAIN=local GOFLAGS='' go mod download -json "golang.org/toolchain@$version" |
    sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
  [ -n "$dir" ] || fail "could not fetch Go $go_wanted: install it from its own site, so that \`go version\` shows it"
  # Module archives carry no permission to execute.
  chmod +x "$dir"/bin/* "$dir"/pkg/tool/*/*
  export GOTOOLCHAIN=local
  go=$dir/bin/go
}

go_is_new_enough() {
  local version
  version=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || return 1
  printf '%s\n' "$go_wanted" "${version#go}" | sort -V -C
}
