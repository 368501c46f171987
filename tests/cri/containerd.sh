# A containerd with its CRI plugin, in a network namespace of its own, with three runtimes: runc by its own shim, peapod
# with containerd's pod sandboxes (`podsandbox`), and peapod with its own (`shim`). `cri` is a client of it.
# Run at the beginning of a session; never by itself.
# shellcheck shell=bash disable=SC2034,SC2154
export CONTAINERD_NAMESPACE=k8s.io CRI_SOCKET=/run/containerd.sock CRI_HANDLER=$handler
mkdir -p /run/shims /run/cni/conf
cp "$client" /run/shims/cri
cp "$shim" /run/containerd-shim-peapod-v1
# wrap SHIM: containerd gives each pod two shares of the processor, where there may be no controller to give them.
wrap() {
    cat >"/run/shims/${1##*/}" <<END
#!/bin/sh
[ ! -e config.json ] || sed -i 's/,"cpu":{"shares":2}//' config.json
exec $1 "\$@"
END
    chmod 755 "/run/shims/${1##*/}"
}
wrap /run/containerd-shim-peapod-v1
wrap /usr/bin/containerd-shim-runc-v2
export PATH=/run/shims:$PATH
"$repository/scripts/image.sh" /tmp/image.tar localhost/box:1 "$repository/bundles/hello/rootfs" sh
"$repository/scripts/image.sh" /tmp/pause.tar localhost/pause:1 "$repository/bundles/hello/rootfs" sleep 100000
cat >/run/cni/conf/10-tests.conflist <<END
{
    "cniVersion": "1.0.0", "name": "tests",
    "plugins": [{
        "type": "ptp",
        "ipam": { "type": "host-local", "dataDir": "/run/cni/ipam", "ranges": [[{ "subnet": "10.88.0.0/16" }]] }
    }]
}
END
cat >/tmp/containerd.toml <<END
version = 3
root = "/tmp/containerd"
state = "/run/state"
[grpc]
address = "$CRI_SOCKET"
[plugins.'io.containerd.cri.v1.images']
snapshotter = "${snapshotter:-overlayfs}"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "localhost/pause:1"
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
drain_exec_sync_io_timeout = "5s"
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "/run/cni/conf"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.podsandbox]
runtime_type = "io.containerd.peapod.v1"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.shim]
runtime_type = "io.containerd.peapod.v1"
sandboxer = "shim"
END
c() { timeout 60 ctr --address "$CRI_SOCKET" "$@"; }
begin() {
    $inside containerd --config /tmp/containerd.toml >>/tmp/containerd.log 2>&1 &
    containerd=$!
    await 'c version && cri pods'
}
end() {
    kill "$@" "$containerd"
    wait "$containerd" 2>/dev/null
}
# await CONDITION: waits until it is so, but not for ever.
await() {
    SECONDS=0
    until eval "$1" >/dev/null 2>&1; do ((SECONDS < 20)) || return 1; done
}
# left: what there is of pods that should be gone, once they have had the time for it.
left() {
    await '[[ -z $(there) ]]' || there
}
there() {
    # Not those who have ended, and wait for PID 1 of this session.
    ps -eo stat=,comm= | grep -E '^[^Z].* (containerd-shim|containerd-shim-runc-v2|pause|sleep)$' || true
    grep -E '/run/state|/run/netns' /proc/mounts || true
    find /run/containerd/s /run/state -type s -o -name config.json 2>/dev/null || true
}
# What the network of pods is in, with its own `lo`.
unshare --net bash -c 'ip link set lo up; exec tail -f /dev/null' &
holder=$! inside="nsenter --net --target $!"
await '[[ $(readlink /proc/$holder/ns/net) != $(readlink /proc/self/ns/net) ]]'
begin
c images import --no-unpack /tmp/image.tar >/dev/null
c images import --no-unpack /tmp/pause.tar >/dev/null
