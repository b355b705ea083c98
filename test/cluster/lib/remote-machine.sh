# The machine that the second dockerd runs on: namespaces and a root directory with the host's programs, and no other
# files of its.

remote_network_up() {
  ip netns add $remote
  ip link add tpc-docker type veth peer name eth0 netns $remote
  # Its IPv6 address would come two seconds later, when somebody may be comparing the host's network.
  ip link set tpc-docker addrgenmode none
  ip addr add $remote_host_ip/30 dev tpc-docker
  ip link set tpc-docker up
  ip -n $remote link set lo up
  ip -n $remote addr add $remote_ip/30 dev eth0
  ip -n $remote link set eth0 up
}

# `nsenter` and `unshare` keep the process id, but for the fork that a namespace of processes needs.
start_machine() { # [MiB]
  mkdir -p "$remote_state"/{root,docker}
  start remote-docker nsenter --net="/run/netns/$remote" \
    unshare --mount --uts --ipc --pid --fork --kill-child=KILL bash "$here/remote-docker" inside "$@"
}

# As its first process: dockerd and sshd, and when one of them ends the machine does.
inside() { # [MiB]
  hostname remote-docker
  [ $# -eq 0 ] || mount -t tmpfs -o "size=$1m" tpdocker "$remote_state/docker" # it ends with the machine
  make_root "$remote_state/root"
  cd "$remote_state/root"
  pivot_root . old
  # A mount of the host's that stayed here could not be unmounted there.
  umount -l /old
  rmdir /old
  cd /
  exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8 \
    bash -c "$(declare -f serve); serve $remote $remote_ip"
}

make_root() { # directory
  mount -t tmpfs -o mode=755,size=512m tpdocker "$1"
  (
    cd "$1"
    mkdir -p dev/shm dev/pts etc/docker etc/ssh home old proc root run/sshd sys tmp usr var/lib/docker
    chmod 1777 tmp
    chmod 700 root
    ln -s /run var/run
    cp -P /bin /sbin /lib* .
    mount --bind /usr usr
    mount -o remount,bind,ro usr
    mount --bind "$remote_state/docker" var/lib/docker
    mount --bind /dev dev
    mount -t tmpfs -o mode=1777 shm dev/shm
    mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
    mount -t proc proc proc
    # Settings of the kernel that are the whole machine's.
    mount --bind proc/sys/kernel proc/sys/kernel
    mount -o remount,bind,ro proc/sys/kernel
    mount -t sysfs sysfs sys
    mount --rbind /sys/fs/cgroup sys/fs/cgroup
    make_etc
  )
}

make_etc() {
  cp -a /etc/{alternatives,ld.so.cache} etc/
  printf 'root:*:0:0:root:/root:/bin/bash\nsshd:*:100:65534::/run/sshd:/usr/sbin/nologin\n' >etc/passwd
  printf 'root:x:0:\nnogroup:x:65534:\n' >etc/group
  printf '127.0.0.1 localhost\n%s remote-docker\n' $remote_ip >etc/hosts
  cp "$remote_state"/tls/{ca.crt,server.crt,server.key} etc/docker/
  cp "$remote_state/ssh/host_key" etc/ssh/
  cp "$remote_state/ssh/user_key.pub" etc/ssh/authorized_keys
  cat >etc/ssh/sshd_config <<Y
ListenAddress $remote_ip
HostKey /etc/ssh/host_key
AuthorizedKeysFile /etc/ssh/authorized_keys
AuthenticationMethods publickey
UsePAM no
Y
}

serve() { # cgroup address
  /usr/sbin/sshd -D -e &
  dockerd -H unix:///var/run/docker.sock -H "tcp://$2:2376" --tlsverify --tlscacert=/etc/docker/ca.crt \
    --tlscert=/etc/docker/server.crt --tlskey=/etc/docker/server.key --cgroup-parent="/$1" &
  wait -n
}
