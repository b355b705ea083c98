# Official images: pulled where a registry answers, else made of Debian's packages under the same name, with the
# official image's layout and settings. What was made is kept in the cache.

tar_of() { echo "$build/${1//:/-}.tar"; } # image
is_there() { docker image inspect "$1" >/dev/null 2>&1; }

pulled() { # image: not asked for again where it had to be made
  [ ! -e "$(tar_of "$1")" ] || return 1
  say "pulling $1"
  timeout 120 docker pull -q "$1" >/dev/null 2>&1
}

make_tar() { # image function: fills a directory with the image's files
  local tar
  tar=$(tar_of "$1")
  [ ! -e "$tar" ] || return 0
  say "no registry answers: making $1 from packages (about 30 s)"
  mkdir -p "$build"
  (
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    chmod 755 "$work" # apt drops its rights to download
    "$2" "$work/root"
    tar -C "$work/root" --exclude=./dev/* -c . >"$tar.part"
  )
  mv "$tar.part" "$tar"
}

debian_root() { # directory package,package...
  local sources=$1.list
  debian_sources >"$sources"
  mmdebstrap --quiet --variant=minbase --include="$2" --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$1" "$sources" >&2
}

import() { # image setting...
  local image=$1 settings=() setting
  shift
  for setting in "LABEL tpcluster=base" "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "$@"; do
    settings+=(-c "$setting")
  done
  docker import "${settings[@]}" "$(tar_of "$image")" "$image" >/dev/null
}
