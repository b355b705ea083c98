# Names, addresses and places; sourced by all scripts of this directory.
# shellcheck disable=SC2034
state=${TPCLUSTER_STATE:-/var/lib/tpcluster}
build=${TPCLUSTER_BUILD:-${XDG_CACHE_HOME:-$HOME/.cache}/tpcluster}
run_dir=/run/tpcluster socket=/run/tpcluster/containerd.sock
pki=$state/pki

# The two network namespaces, and who has which address.
node=tpcluster cloud=tpcloud
host_ip=10.99.0.1 node_ip=10.99.0.2 node_range=10.99.0.0/30
pods=10.244.0.0/16 services=10.96.0.0/16 dns_ip=10.96.0.10
# A node's share is wide enough for all pods of a run of all tests. A pod at an address that was another's is not heard for
# 8 s by those that remember the other's interface, if it hears of its node before it speaks.
pods_first=10.244.0.0/20 pods_bits=20
# The same in IPv6: pods and Services have an address of each family. IPv4 comes first.
host_ip6=fd00:99::1 node_ip6=fd00:99::2 pods6=fd00:44::/48 pods6_first=fd00:44::/64 services6=fd00:96::/112
layout="$pods,$pods_first,$pods6 $services,$services6"
cloud_ip=10.88.0.10 cloud_gateway=10.88.0.1 cloud_range=10.88.0.0/24

# The second node: its name, its network namespace, which also names its cgroup, its places, and who has which address.
second=node2 second_netns=tpcluster2 second_state=$state/node2 second_run=$run_dir/node2
second_socket=$second_run/containerd.sock
second_gateway=10.99.0.5 second_ip=10.99.0.6 second_range=10.99.0.4/30
second_gateway6=fd00:99:2::1 second_ip6=fd00:99:2::2

# The image registry: the same name on the host and on the node, and one that both take for plain HTTP.
registry_port=5001 registry=localhost:5001 registry_user=tp

# The second Docker: its network namespace, which also names its cgroup, and its addresses.
remote=tpdocker remote_state=$state/remote-docker
remote_host_ip=10.97.0.1 remote_ip=10.97.0.2 remote_range=10.97.0.0/30

# Where every Docker client of the machine finds Compose, and the end of the version of the one that is built here.
compose_plugin=/usr/local/lib/docker/cli-plugins/docker-compose compose_mark=tpcluster

say() { echo "cluster: $*" >&2; }
fail() { say "$@"; exit 1; }
kube() { "$build/kubenode" kubectl --kubeconfig "$state/kubeconfig.direct" "$@"; }
