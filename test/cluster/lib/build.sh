# What is compiled from Go modules, once, into the cache.
go_wanted=1.25.0

build_kubenode() {
  local sum
  sum=$(sum_of "$here"/{go.mod,go.sum,main.go})
  is_built kubenode "$sum" && return
  begin_build Kubernetes "6 to 10 minutes"
  compile "$here" . kubenode
  compile "$here" ./pause pause
  echo "$sum" >"$build/kubenode.sum"
}

build_compose() {
  local sum module=github.com/docker/compose/v2 version
  sum=$(sum_of "$here"/compose/{go.mod,go.sum})
  is_built docker-compose "$sum" && return
  begin_build "Docker Compose" "about 2 minutes"
  version=$(awk -v module=$module '$1 == module {print $2}' "$here/compose/go.mod")
  compile "$here/compose" $module/cmd docker-compose "-X $module/internal.Version=$version+$compose_mark"
  echo "$sum" >"$build/docker-compose.sum"
}

sum_of() { cat "$@" | sha256sum | cut -d' ' -f1; } # file...
is_built() { [ "$(cat "$build/$1.sum" 2>/dev/null)" = "$2" ]; } # binary sum

begin_build() { # what time
  building=$1
  mkdir -p "$build"
  find_go
  say "building $building (once; $2 on 2 cores), log in $build/build.log"
  : >"$build/build.log"
}

compile() { # directory package binary [linker flags]
  local -x CGO_ENABLED=0 GOFLAGS=-buildvcs=false
  # The list of packages needs their sources, so making it is what fetches the modules.
  { $go -C "$1" list -deps "$2" 2>&1 >"$build/packages" | progress "modules fetched"; } || build_failed
  { $go -C "$1" build -v -trimpath -ldflags "-s -w ${4:-}" -o "$build/$3" "$2" 2>&1 |
    progress "of $(wc -l <"$build/packages") packages compiled"; } || build_failed
}

build_failed() {
  tail -n 20 "$build/build.log" >&2
  fail "could not build $building: the lines above end $build/build.log"
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
