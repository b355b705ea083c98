# An image registry with a login, on the node and at the host's 127.0.0.1:5001. `localhost` and the port mean it for
# the host's Docker and the node's containerd alike.
registry_state=$state/registry

# Also on a cluster that an older version of this script has started.
registry_up() {
  if alive registry && alive registry-loopback && registry_answers; then return; fi
  check_port $registry_port registry-loopback
  install_missing docker-registry:docker-registry
  announce_registry
  write_registry
  start_on_node registry docker-registry serve "$registry_state/config.yml"
  start registry-loopback socat -b 131072 TCP-LISTEN:$registry_port,bind=127.0.0.1,fork,backlog=128,reuseaddr,nodelay \
    TCP:$node_ip:$registry_port,nodelay
  wait_until 30 "image registry" registry_answers
}

registry_down() {
  stop registry-loopback
  stop registry
}

# Its password is made once, its hash by perl, which every Debian has. A low cost: each request is checked anew.
write_registry() {
  install -d -m 700 "$registry_state"
  [ -s "$registry_state/password" ] || (umask 077 && openssl rand -hex 16 >"$registry_state/password")
  # shellcheck disable=SC2016
  perl -we 'chomp(my $password = <STDIN>); print "$ARGV[0]:", crypt($password, "\$2b\$05\$$ARGV[1]"), "\n"' \
    $registry_user "$(openssl rand -hex 11)" <"$registry_state/password" >"$registry_state/htpasswd"
  cat >"$registry_state/config.yml" <<Y
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $registry_state/images}}
auth: {htpasswd: {realm: tpcluster, path: $registry_state/htpasswd}}
http: {addr: ":$registry_port", secret: $(openssl rand -hex 16)}
Y
}

# 401 is what it says to those without a login.
registry_answers() {
  [ "$(nsenter --net="/run/netns/$node" curl -s -o /dev/null -w '%{http_code}' http://$registry/v2/)" = 401 ] &&
    [ "$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:$registry_port/v2/)" = 401 ]
}

# Where tools look for a cluster's own registry (KEP-1755). The namespace is the API server's own, made as it starts.
announce_registry() {
  wait_until 30 "namespace kube-public" kube get namespace kube-public
  kube apply -f - >/dev/null <<Y
apiVersion: v1
kind: ConfigMap
metadata: {name: local-registry-hosting, namespace: kube-public}
data:
  localRegistryHosting.v1: |
    host: "$registry"
    hostFromContainerRuntime: "$registry"
    hostFromClusterNetwork: "$node_ip:$registry_port"
    help: "docs/test-cluster.md"
Y
}

# Docker's client keeps the login in the directory that DOCKER_CONFIG names; without one, nothing is kept.
registry_login() {
  [ -s "$registry_state/password" ] || fail "there is no registry yet: \`cluster up\` first"
  if [ -n "${DOCKER_CONFIG:-}" ]; then
    docker login --username $registry_user --password-stdin $registry <"$registry_state/password"
  else
    echo "$registry_user $(cat "$registry_state/password")"
  fi
}
