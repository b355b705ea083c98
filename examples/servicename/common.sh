# Where deploy and undeploy work: the embedded cluster, or the one that TP_TEST_KUBECONFIG names.
# shellcheck disable=SC2034
cd "$(dirname "$(readlink -f "$0")")"
cluster=../../test/cluster/cluster
images=(examplecom/servicename:1.0 examplecom/thing:1.0 examplecom/queue:1.0)
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
