# Two network namespaces, the node's and the cloud's: host -- node -- cloud, with no way from host to cloud.

network_up() {
  [ -e /proc/sys/net/bridge ] || fail "this kernel has no rules for bridges: \`modprobe br_netfilter\`"
  [ -e "/run/netns/$node" ] || add_networks
  masquerade $node $pods_first $pods6_first
}

# What pods send to others than pods leaves as their node's, by one rule for all, as with kindnet and flannel. The rules that
# CNI's bridge makes for each pod (ipMasq) take 0.05 s of its start and 0.1 s of its end.
masquerade() { # netns range range6
  masquerade_by iptables "$1" "$2" $pods
  masquerade_by ip6tables "$1" "$3" $pods6
}

masquerade_by() { # tables netns range pods
  local rule=(POSTROUTING -s "$3" ! -d "$4" -j MASQUERADE)
  ip netns exec "$2" "$1" -t nat -C "${rule[@]}" 2>/dev/null || ip netns exec "$2" "$1" -t nat -A "${rule[@]}"
}

add_networks() {
  ip netns add $node
  ip netns add $cloud
  ip link add tpc-host type veth peer name tpc-node netns $node
  ip addr add $host_ip/30 dev tpc-host
  ip link set tpc-host up
  ip -n $node link set lo up
  ip -n $node addr add $node_ip/30 dev tpc-node
  ip -n $node link set tpc-node up
  ip -n $node route add default via $host_ip
  ip -n $node link add tpc-cloud type veth peer name eth0 netns $cloud
  ip -n $node addr add $cloud_gateway/24 dev tpc-cloud
  ip -n $node link set tpc-cloud up
  ip -n $cloud link set lo up
  ip -n $cloud addr add $cloud_ip/24 dev eth0
  ip -n $cloud link set eth0 up
  # By IPv6 too, though the host forwards none of it: what is not the cluster's is silent.
  ip addr add $host_ip6/64 dev tpc-host nodad
  ip -n $node addr add $node_ip6/64 dev tpc-node nodad
  ip -n $node -6 route add default via $host_ip6
  forward $node
  local range
  for range in $pods $services $cloud_range $pods6 $services6; do ip route replace unreachable "$range"; done
}

# A Service's answer to a pod of the same node goes from one of the bridge's ports to another: it must pass the node's rules
# as it does where it is routed, or it comes from an address that was not asked. (Kubernetes' own documentation demands it.)
forward() { # netns
  ip netns exec "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
    net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1
}

network_down() {
  local name range
  ip link del tpc-host 2>/dev/null || true
  for name in $node $cloud; do ip netns del "$name" 2>/dev/null || true; done
  for range in $pods $services $cloud_range $pods6 $services6; do ip route del unreachable "$range" 2>/dev/null || true; done
}
