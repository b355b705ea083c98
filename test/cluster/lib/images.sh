# Images: from the host's Docker to the node's containerd.

ctr_images() { ctr -a $socket -n k8s.io images "$@"; }
image_id() { docker image inspect -f '{{.Id}}' "$1"; }

# Those that the node does not have yet in this very version, in one go, so that layers they share travel once.
load() { # image...
  local image id changed=()
  mkdir -p "$state/loaded"
  for image in "$@"; do
    id=$(image_id "$image") || fail "Docker has no image $image"
    [ "$(cat "$state/loaded/${image//\//_}" 2>/dev/null)" = "$id" ] || changed+=("$image")
  done
  [ ${#changed[@]} -gt 0 ] || return 0
  say "copying to the node: ${changed[*]}"
  docker save "${changed[@]}" | ctr_images import - >/dev/null
  ! alive $second || docker save "${changed[@]}" | ctr -a "$second_socket" -n k8s.io images import - >/dev/null
  for image in "${changed[@]}"; do image_id "$image" >"$state/loaded/${image//\//_}"; done
}

# The two images of the cluster's own, each of one binary.
load_node_images() {
  local name sum
  for name in pause kubenode; do
    sum=$(sha256sum <"$build/$name" | cut -c 1-16)
    if [ "$(docker image inspect -f '{{.Config.Labels.tpcluster}}' localhost/$name:dev 2>/dev/null)" != "$sum" ]; then
      tar -C "$build" -c $name |
        docker import -c "ENTRYPOINT [\"/$name\"]" -c "LABEL tpcluster=$sum" - localhost/$name:dev >/dev/null
    fi
    load localhost/$name:dev
  done
}

remove_images() { # the cluster's own, base images unless they were pulled, and those of the examples
  docker_answers || return 0
  local images
  images=$(docker image ls --format '{{.Repository}}:{{.Tag}}' 'examplecom/*'
    docker image ls --format '{{.Repository}}:{{.Tag}}' --filter label=tpcluster |
      grep -x -e 'localhost/.*:dev' -e node:24-slim -e python:3-slim || true)
  [ -z "$images" ] || echo "$images" | xargs docker image rm >/dev/null || true
}
