# Kubernetes itself: the settings of its components, their start, and their end.

components=(etcd containerd kube-apiserver loopback kube-controller-manager kube-scheduler kube-proxy kubelet)

write_settings() {
  mkdir -p "$state"/{cni,log/pods} "$run_dir"
  cat >"$state/cni/10-tpcluster.conflist" <<Y
{"cniVersion": "1.0.0", "name": "tpcluster", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$run_dir/ipam", "ranges": [[{"subnet": "$pods_first"}], [{"subnet": "$pods6_first"}]],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
Y
  # Without CAP_SYS_RESOURCE runc may not lower a score, hence restrict_oom_score_adj.
  cat >"$state/containerd.toml" <<Y
version = 2
root = "$state/containerd"
state = "$run_dir/containerd"
[grpc]
  address = "$socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:dev"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$state/cni"
Y
  echo "nameserver 127.0.0.1" >"$state/resolv.conf"
  cat >"$state/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
failSwapOn: false
failCgroupV1: false
clusterDNS: [$dns_ip]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$socket
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
resolvConf: $state/resolv.conf
podLogsDir: $state/log/pods
volumePluginDir: $state/volume-plugins
imageGCHighThresholdPercent: 100
evictionHard: {nodefs.available: "0%", imagefs.available: "0%", memory.available: "0%", nodefs.inodesFree: "0%"}
Y
}

start_components() {
  start_on_node etcd "$build/kubenode" etcd "$state/etcd"
  start_on_node containerd containerd --config "$state/containerd.toml"
  start_on_node kube-apiserver "$build/kubenode" kube-apiserver --etcd-servers=http://127.0.0.1:2379 \
    --bind-address=0.0.0.0 --advertise-address=$node_ip --service-cluster-ip-range=$services,$services6 \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$pki/sa.pub" \
    --service-account-signing-key-file="$pki/sa.key" --kubelet-client-certificate="$pki/kubelet-client.crt" \
    --kubelet-client-key="$pki/kubelet-client.key" --kubelet-preferred-address-types=InternalIP \
    --authorization-mode=Node,RBAC --allow-privileged=true
  start loopback socat -b 131072 TCP-LISTEN:6443,bind=127.0.0.1,fork,backlog=128,reuseaddr,nodelay TCP:$node_ip:6443,nodelay
  wait_until 60 "API server" kube get --raw /readyz
  start_on_node kube-controller-manager "$build/kubenode" kube-controller-manager \
    --kubeconfig="$pki/controllers.kubeconfig" --cluster-cidr=$pods,$pods6 --allocate-node-cidrs=true \
    --node-cidr-mask-size-ipv4=$pods_bits \
    --service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt" \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
    --leader-elect=false --use-service-account-credentials=true
  start_on_node kube-scheduler "$build/kubenode" kube-scheduler --kubeconfig="$pki/scheduler.kubeconfig" \
    --leader-elect=false
  start_on_node kube-proxy "$build/kubenode" kube-proxy --kubeconfig="$pki/proxy.kubeconfig" --cluster-cidr=$pods,$pods6 \
    --hostname-override=node --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 \
    --conntrack-tcp-timeout-close-wait=0
  wait_until 30 containerd ctr -a $socket version
  start_on_node kubelet "$build/kubenode" kubelet --config="$state/kubelet.yaml" \
    --kubeconfig="$pki/kubelet.kubeconfig" --hostname-override=node --node-ip=$node_ip,$node_ip6 \
    --root-dir="$state/kubelet" --cert-dir="$pki"
}

is_up() {
  local name
  for name in "${components[@]}"; do alive "$name" || return 1; done
  docker_answers && dns_answers
}

# The whole way: scheduled, image there, container running and ready, Service programmed. After a restart, what
# the API says of pods is old for a while.
dns_answers() { nsenter --net="/run/netns/$node" timeout 1 bash -c ": </dev/tcp/$dns_ip/53" 2>/dev/null; }

stop_components() {
  local name
  stop kubelet # first, or it would start again what stops here
  if alive containerd; then stop_pods; fi
  for name in kube-proxy kube-scheduler kube-controller-manager kube-apiserver etcd containerd loopback; do stop $name; done
}

# A shim ends when its task is gone. The pods' network namespaces are found by the containers that use them, as
# another containerd on this machine may have some too.
stop_pods() {
  local ctr="ctr -a $socket -n k8s.io" task container
  local namespaces=()
  for container in $($ctr containers ls -q); do
    mapfile -t -O ${#namespaces[@]} namespaces < <($ctr containers info "$container" | grep -o '/netns/cni-[0-9a-f-]*')
  done
  for task in $($ctr tasks ls -q); do $ctr tasks rm -f "$task" >/dev/null 2>&1 || true; done
  for namespace in $(printf '%s\n' "${namespaces[@]##*/}" | sort -u); do ip netns del "$namespace" 2>/dev/null || true; done
  rm -rf "$run_dir/ipam"
}
