# A second node: a machine of namespaces with its own containerd, kubelet and kube-proxy, behind the first one. A route
# on each side leads to the other's pods.

second_up() {
  if alive $second && kube get node $second >/dev/null 2>&1; then return; fi
  second_remove # what one that ended by itself left
  second_network_up
  write_second_settings
  start $second nsenter --net="/run/netns/$second_netns" \
    unshare --mount --pid --fork --kill-child=KILL --mount-proc bash "$here/cluster" inside-second
  wait_until 30 "containerd of $second" ctr -a "$second_socket" version
  copy_images
  wait_until 60 "the registration of $second" eval '[ -n "$(second_pods)" ]'
  # shellcheck disable=SC2046
  write_second_pod_network $(second_pods)
  kube wait --for=condition=Ready "node/$second" --timeout=60s >/dev/null
  say "$second is up: pods $(second_pods)"
}

second_pods() { kube get node $second -o 'jsonpath={.spec.podCIDRs[*]}' --ignore-not-found; }

second_network_up() {
  local in_node=(ip netns exec "$node")
  ip netns add $second_netns
  ip link add tpc-second netns $node type veth peer name eth0 netns $second_netns
  ip -n $node addr add $second_gateway/30 dev tpc-second
  ip -n $node addr add $second_gateway6/64 dev tpc-second nodad
  ip -n $node link set tpc-second up
  ip -n $second_netns link set lo up
  ip -n $second_netns addr add $second_ip/30 dev eth0
  ip -n $second_netns addr add $second_ip6/64 dev eth0 nodad
  ip -n $second_netns link set eth0 up
  ip -n $second_netns route add default via $second_gateway
  ip -n $second_netns -6 route add default via $second_gateway6
  forward $second_netns
  # Neither the host nor the cloud knows a way back to its addresses.
  "${in_node[@]}" iptables -t nat -A POSTROUTING -s $second_range -o tpc-node -j MASQUERADE
  "${in_node[@]}" iptables -t nat -A POSTROUTING -s $second_range -o tpc-cloud -j MASQUERADE
}

write_second_settings() {
  mkdir -p "$second_state"/{cni,log/pods} "$second_run"
  # Each is what the first node has, at its own places.
  sed "s|$state/|$second_state/|; s|$run_dir/|$second_run/|" "$state/containerd.toml" >"$second_state/containerd.toml"
  sed "s|$run_dir/|$second_run/|; s|$pki/kubelet\.|$second_state/pki/kubelet.|; s|$state/log/|$second_state/log/|
    s|$state/volume|$second_state/volume|" "$state/kubelet.yaml" >"$second_state/kubelet.yaml"
  echo "cgroupRoot: /$second_netns" >>"$second_state/kubelet.yaml"
  mkdir -p "$second_state/pki"
  (
    umask 077
    cd "$second_state/pki"
    cp "$pki"/{ca.crt,ca.key,proxy.crt,proxy.key} .
    certificate kubelet "/O=system:nodes/CN=system:node:$second" "DNS:$second,IP:$second_ip"
    rm ca.key
    for user in kubelet proxy; do kubeconfig $user $node_ip >$user.kubeconfig; done
  )
}

# The second's default route leads to the first node's pods.
write_second_pod_network() { # range range6
  sed "s|$run_dir/|$second_run/|; s|$pods_first|$1|; s|$pods6_first|$2|" "$state/cni/10-tpcluster.conflist" \
    >"$second_state/cni/10-tpcluster.conflist"
  ip -n $node route replace "$1" via $second_ip
  ip -n $node -6 route replace "$2" via $second_ip6
  masquerade $second_netns "$1" "$2"
}

# From Docker, as on the first node: what a containerd has pulled, it cannot always export.
copy_images() {
  local name names=()
  for name in $(ctr_images ls -q | grep -v -e '^sha256:' -e @); do
    if image_id "$name" >/dev/null 2>&1; then names+=("$name"); fi
  done
  docker save "${names[@]}" | ctr -a "$second_socket" -n k8s.io images import - >/dev/null
}

# As the first process of the machine: when one of its daemons ends, all of it does.
inside_second() {
  local place
  # Mounts of the first node's and of Docker's would be kept alive here.
  awk -v s="$state/" -v r="$run_dir/" 'index($2, s) == 1 || index($2, r) == 1 || $2 ~ "^(/run/netns/|/run/docker/|/var/lib/docker/)" {print $2}' \
    /proc/mounts | sort -r | xargs -r -n1 umount -l
  # Where components write whatever their settings.
  for place in /var/lib/kubelet /var/lib/cni /var/log/containers /run/netns; do
    mkdir -p $place
    mount -t tmpfs tpcluster $place
  done
  second_cgroup make
  containerd --config "$second_state/containerd.toml" &
  until ctr -a "$second_socket" version >/dev/null 2>&1; do sleep 0.1; done
  "$build/kubenode" kube-proxy --kubeconfig="$second_state/pki/proxy.kubeconfig" --cluster-cidr=$pods,$pods6 \
    --hostname-override=$second --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 \
    --conntrack-tcp-timeout-close-wait=0 &
  "$build/kubenode" kubelet --config="$second_state/kubelet.yaml" --kubeconfig="$second_state/pki/kubelet.kubeconfig" \
    --hostname-override=$second --node-ip=$second_ip,$second_ip6 --root-dir="$second_state/kubelet" --cert-dir="$second_state/pki" &
  # `localhost` of the registry's name is this node's.
  socat TCP-LISTEN:$registry_port,bind=127.0.0.1,fork,reuseaddr,nodelay TCP:$node_ip:$registry_port,nodelay &
  wait -n
}

second_cgroup() { # make | remove: in each hierarchy
  local root roots=(/sys/fs/cgroup)
  [ -e /sys/fs/cgroup/cgroup.controllers ] || roots=(/sys/fs/cgroup/*/)
  for root in "${roots[@]}"; do
    if [ "$1" = make ]; then
      mkdir -p "$root/$second_netns"
    elif [ -e "$root/$second_netns" ]; then
      find "$root/$second_netns" -depth -type d -exec rmdir {} +
    fi
  done
}

# Its processes end with the first one, and its mounts with them.
second_down() {
  local unshare
  if alive $second; then
    read -r unshare _ <"$run_dir/pids/$second"
    pkill -KILL -P "$unshare" || true
  fi
  stop $second
  second_remove
}

second_remove() {
  if kube get --raw /readyz --request-timeout=5s >/dev/null 2>&1; then
    # Nobody is left there to say that they ended.
    kube delete pods --all-namespaces --field-selector="spec.nodeName=$second" --force --grace-period=0 >/dev/null 2>&1
    kube delete node $second --ignore-not-found >/dev/null
  fi
  if [ -e "/run/netns/$node" ]; then
    ip -n $node link del tpc-second 2>/dev/null || true # its routes go with it
    local tables
    for tables in iptables ip6tables; do
      ip netns exec $node $tables-save -t nat | sed -n "/-s ${second_range//\//\\/} \|-o tpc-second /s/^-A/-D/p" |
        # shellcheck disable=SC2086
        while read -r rule; do ip netns exec $node $tables -t nat $rule; done
    done
  fi
  ip netns del $second_netns 2>/dev/null || true
  second_cgroup remove
  rm -rf --one-file-system "$second_state" "$second_run" "$state/log/$second.log"
}
