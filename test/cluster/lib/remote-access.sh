# The ways to the second Docker: certificates for TLS, keys for ssh, and how a client is told of them.

make_access() {
  mkdir -p "$remote_state"/{tls,client,ssh,bin}
  (
    umask 077
    cd "$remote_state/tls"
    authority remote-docker-ca
    certificate server /CN=remote-docker IP:$remote_ip
    certificate client /CN=client
    cp ca.crt ../client/ca.pem && cp client.crt ../client/cert.pem && cp client.key ../client/key.pem
    cd ../ssh
    ssh-keygen -q -t ed25519 -N '' -C remote-docker -f host_key
    ssh-keygen -q -t ed25519 -N '' -C user -f user_key
    echo "$remote_ip $(cat host_key.pub)" >known_hosts
    cat >config <<Y
IdentityFile $remote_state/ssh/user_key
IdentitiesOnly yes
UserKnownHostsFile $remote_state/ssh/known_hosts
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
BatchMode yes
Y
  )
  # Docker's client runs the `ssh` that it finds, and cannot be told of options.
  printf '#!/bin/sh\nexec /usr/bin/ssh -F %s/ssh/config "$@"\n' "$remote_state" >"$remote_state/bin/ssh"
  chmod +x "$remote_state/bin/ssh"
}

by_tls() { # command...
  DOCKER_HOST=tcp://$remote_ip:2376 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$remote_state/client "$@"
}

by_ssh() { # command...
  PATH=$remote_state/bin:$PATH DOCKER_HOST=ssh://root@$remote_ip "$@"
}

print_access() {
  by_tls env | grep '^DOCKER_\(HOST\|TLS_VERIFY\|CERT_PATH\)='
  echo "SSH_URL=ssh://root@$remote_ip"
  echo "SSH_DIRECTORY=$remote_state/bin"
}
