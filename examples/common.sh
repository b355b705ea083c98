# What the examples' deploy and undeploy share. They work on the embedded cluster, or on the one that
# TP_TEST_KUBECONFIG names.
# shellcheck disable=SC2034
cd "$(dirname "$(readlink -f "$0")")"
cluster=../../test/cluster/cluster
namespace=default
while getopts n: option; do
  [ "$option" = n ] || exit 2
  namespace=$OPTARG
done

on_cluster() { # kubectl arguments
  if [ -n "${TP_TEST_KUBECONFIG:-}" ]; then
    kubectl --kubeconfig "$TP_TEST_KUBECONFIG" "$@"
  else
    $cluster kubectl "$@"
  fi
}

quietly() { # command...: its output is only of interest if it fails
  local output
  output=$("$@" 2>&1) || { echo "$output" >&2 && return 1; }
}

image_ids() { docker image inspect -f '{{.Id}}' "$@" 2>/dev/null || true; }

give_nodes() { # image...
  local kind_cluster
  if [ -z "${TP_TEST_KUBECONFIG:-}" ]; then
    $cluster load "$@"
    return
  fi
  kind_cluster=$(kubectl --kubeconfig "$TP_TEST_KUBECONFIG" config current-context | sed -n 's/^kind-//p')
  if [ -n "$kind_cluster" ] && command -v kind >/dev/null; then
    kind load docker-image --name "$kind_cluster" "$@"
  else
    echo "deploy: the cluster must have $*: push or load them" >&2
  fi
}

deploy_one() { # name: the image, the Deployment and the Service of an example that has one of each
  local image=examplecom/$1:1.0 running before
  running=$(on_cluster -n "$namespace" get "deployment/$1" --ignore-not-found -o name)
  before=$(image_ids "$image")
  quietly docker build -t "$image" .
  docker tag "$image" "examplecom/$1:latest"
  give_nodes "$image"
  on_cluster create namespace "$namespace" 2>/dev/null || true
  on_cluster -n "$namespace" apply -f manifests >/dev/null
  # The tag stays the same, so nobody else would notice.
  if [ -n "$running" ] && [ "$before" != "$(image_ids "$image")" ]; then
    on_cluster -n "$namespace" rollout restart "$running" >/dev/null
  fi
  on_cluster -n "$namespace" rollout status "deployment/$1" --timeout=120s >/dev/null
  echo "deploy: http://$1/ answers in namespace $namespace" >&2
}

# With its pods, and waited for.
undeploy_one() {
  on_cluster -n "$namespace" delete --ignore-not-found --cascade=foreground -f manifests >/dev/null
}
