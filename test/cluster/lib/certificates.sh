# One authority, a certificate for each component, and the kubeconfigs made of them.

make_certificates() {
  [ ! -f "$state/kubeconfig" ] || return 0
  mkdir -p "$pki"
  (
    cd "$pki"
    umask 077
    authority tpcluster-ca
    openssl genrsa -out sa.key 2048 2>/dev/null
    openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
    certificate apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:10.96.0.1,IP:$node_ip"
    certificate kubelet /O=system:nodes/CN=system:node:node "DNS:node,IP:$node_ip"
    certificate kubelet-client /O=system:masters/CN=apiserver-kubelet-client
    certificate admin /O=system:masters/CN=admin
    certificate controllers /CN=system:kube-controller-manager
    certificate scheduler /CN=system:kube-scheduler
    certificate proxy /CN=system:kube-proxy
    for user in kubelet controllers scheduler proxy; do kubeconfig $user 127.0.0.1 >$user.kubeconfig; done
    kubeconfig admin $node_ip >"$state/kubeconfig.direct"
    kubeconfig admin 127.0.0.1 >"$state/kubeconfig"
  )
}

authority() { # name
  openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 3650 -subj "/CN=$1" 2>/dev/null
}

certificate() { # name subject [subjectAltName]
  openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -out "$1.crt" 2>/dev/null \
    -extfile <(echo "${3:+subjectAltName=$3}"; echo extendedKeyUsage=serverAuth,clientAuth)
}

kubeconfig() { # user server-address
  cat <<Y
apiVersion: v1
kind: Config
clusters: [{name: tpcluster, cluster: {server: "https://$2:6443", certificate-authority-data: $(base64 -w0 <ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 <"$1.crt"), client-key-data: $(base64 -w0 <"$1.key")}}]
contexts: [{name: tpcluster, context: {cluster: tpcluster, user: $1}}]
current-context: tpcluster
Y
}
