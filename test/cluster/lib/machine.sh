# The host: what it must be, what it gets installed, and what is put back on `down --purge`.

require_debian_root() {
  if [ "$(id -u)" = 0 ] && grep -qx 'ID=debian' /etc/os-release 2>/dev/null; then return; fi
  say "needs Debian and root; elsewhere use any cluster, such as one from \`kind create cluster\`:" \
    "TP_TEST_KUBECONFIG=\$HOME/.kube/config npm run demo"
  exit 2
}

# Two `up` at once (a demo and a test) would start everything twice. Daemons are started without descriptor 9,
# so the lock ends with this script.
one_at_a_time() {
  exec 9>"$run_dir.lock"
  flock 9
}

install_packages() {
  install_missing docker.io:dockerd containerd:containerd containernetworking-plugins:/usr/lib/cni/bridge \
    iptables:iptables socat:socat openssl:openssl conntrack:conntrack iproute2:ip procps:sysctl curl:curl \
    mmdebstrap:mmdebstrap ca-certificates:/etc/ssl/certs/ca-certificates.crt faketime:faketime
}

install_missing() { # package:command or package:file...
  local missing=() wanted
  for wanted in "$@"; do
    [ -x "$(command -v "${wanted#*:}")" ] || [ -e "${wanted#*:}" ] || missing+=("${wanted%%:*}")
  done
  apt_install "${missing[@]}"
}

apt_install() { # package...
  [ $# -gt 0 ] || return 0
  say "installing $*"
  apt-get update -qq
  # A policy that forbids it keeps the packages from starting services: this script starts what it needs itself.
  local policy=/usr/sbin/policy-rc.d made=
  [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=1; }
  local ok=1
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null || ok=
  [ -z "$made" ] || rm -f $policy
  [ -n "$ok" ] || fail "could not install $*: try \`apt-get install $*\`"
}

# The mirrors that this machine uses itself, as lines of a sources.list.
debian_sources() {
  apt-get indextargets 'Created-By: Packages' 'Origin: Debian' \
    --format 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(RELEASE) $(COMPONENT)' |
    sort -u | grep . || fail "no Debian mirror is configured, or \`apt-get update\` never ran"
}

# Nothing has been changed yet when this refuses.
check_addresses() {
  check_ranges $node_range $pods $services $cloud_range
  check_port 6443 loopback
  check_port $registry_port registry-loopback
}

check_ranges() { # range...
  install_missing iproute2:ip
  local range taken
  for range in "$@"; do
    taken=$(routes_overlapping "$range" | head -n 1)
    [ -z "$taken" ] || fail "needs $range, which this machine uses already: $taken"
  done
}

check_port() { # port daemon: taken by another than this daemon of ours
  alive "$2" && return
  local taken
  taken=$(ss -Hltnp "sport = :$1")
  [ -z "$taken" ] || fail "needs port $1 on loopback, which is taken: $(echo "$taken" | awk '{print $4, $6}' | head -n 1)"
}

# Routes, and in table "local" addresses, inside the range or around it. Our own do not count, nor do the default
# route and the halves of the address space that some VPNs use for it.
routes_overlapping() { # range
  { ip -4 route show table all to root "$1"; ip -4 route show table all to match "$1"; } |
    grep -v -e '^default' -e '^[a-z]* *default' -e '^0\.0\.0\.0/1 ' -e '^128\.0\.0\.0/1 ' -e ' dev tpc-' \
      -e "^unreachable \(${pods//./\\.}\|${services//./\\.}\|${cloud_range//./\\.}\)" || true
}

# What dockerd and the kubelet set for the whole machine.
machine_sysctls="net.ipv4.ip_forward vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops
  kernel.keys.root_maxkeys kernel.keys.root_maxbytes"

# Ranges that a cluster was made with cannot be changed.
check_layout() {
  [ ! -e "$state/kubeconfig" ] || [ "$(cat "$state/layout" 2>/dev/null)" = "$layout" ] ||
    fail "$state is of a cluster with other address ranges: \`cluster down --purge\` first"
}

remember_sysctls() {
  mkdir -p "$state"
  echo "$layout" >"$state/layout"
  # shellcheck disable=SC2086
  [ -e "$state/sysctls" ] || sysctl $machine_sysctls >"$state/sysctls" 2>/dev/null
}

restore_sysctls() {
  # While a dockerd stays, its containers need the forwarding.
  [ ! -e "$state/sysctls" ] || grep -v "$(docker_answers && echo ip_forward || echo '^$')" "$state/sysctls" |
    sysctl -q -p - || true
}

remove_state() {
  local mounts
  mounts=$(awk -v s="$state" -v r="$run_dir" '$2 ~ "^"s"/" || $2 ~ "^"r"/" {print $2}' /proc/mounts | sort -r)
  [ -z "$mounts" ] || echo "$mounts" | xargs -n1 umount -l
  find /var/log/containers -maxdepth 1 -lname "$state/*" -delete 2>/dev/null || true
  find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || true
  rm -rf --one-file-system "$state" "$run_dir" "$run_dir.lock"
  # CNI's notes, named by network and pod; that of the loopback has a name that others' may have too.
  local note pod
  for note in /var/lib/cni/results/tpcluster-*-eth0; do
    pod=${note#*tpcluster-} pod=${pod%-eth0}
    rm -f /var/lib/cni/results/*-"$pod"-*
  done
  ss -Hxl | grep -qF /var/lib/kubelet/device-plugins || rm -f /var/lib/kubelet/device-plugins/kubelet.sock
  # Made by the kubelet, containerd and CNI whatever their settings; another's are not empty.
  rmdir -p /var/lib/kubelet/device-plugins /var/lib/cni/results /var/log/containers \
    /usr/libexec/kubernetes/kubelet-plugins/volume/exec 2>/dev/null || true
}
