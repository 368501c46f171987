# A containerd with an image of busybox, our shim in its PATH, and `c`, which is its client; `o` is what every
# container is run with: no shares of the processor, since this kernel may have no controllers for its cgroup v2 tree.
# Run at the beginning of a session; never by itself.
# shellcheck shell=bash disable=SC2034,SC2154
# A namespace of its own: the cgroups of containers are called after it, in a tree that all share.
export CONTAINERD_NAMESPACE=shim-$RANDOM$RANDOM
cgroups=/sys/fs/cgroup/$CONTAINERD_NAMESPACE
trap 'rmdir "$cgroups"' EXIT
mkdir -p /run/shims
cp "$shim" /run/shims/containerd-shim-peapod-v1
export PATH=/run/shims:$PATH
"$repository/scripts/image.sh" /tmp/image.tar localhost/box:1 "$repository/bundles/hello/rootfs" sh
cat >/tmp/containerd.toml <<END
version = 3
root = "/tmp/containerd"
state = "/run/state"
disabled_plugins = [
    "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime",
    "io.containerd.podsandbox.controller.v1.podsandbox",
]
[grpc]
address = "/run/containerd.sock"
END
c() { timeout 60 ctr --address /run/containerd.sock "$@"; }
begin() {
    containerd --config /tmp/containerd.toml >>/tmp/containerd.log 2>&1 &
    containerd=$!
    await 'c version >/dev/null 2>&1'
}
end() {
    kill "$@" "$containerd"
    wait "$containerd"
}
# await CONDITION: waits until it is so, but not for ever.
await() {
    SECONDS=0
    until eval "$1"; do ((SECONDS < 20)) || return 1; done
}
# stopped ID: waits until the task has ended.
stopped() { await "c task ls | grep -q '^$1 .*STOPPED'"; }
# left: what there is of containers and shims that should be gone.
left() {
    # Not those who have ended, and wait for PID 1 of this session.
    ps -eo stat=,comm= | awk '$1 !~ /^Z/ && $2 ~ /^(containerd-shim|sleep)$/'
    grep -h /run/state /proc/mounts || true
    find "$cgroups" -mindepth 1 -type d 2>/dev/null || true
    find /run/containerd/s /run/state -type s -o -name config.json 2>/dev/null || true
}
begin
c images import --no-unpack /tmp/image.tar >/dev/null
o="--runtime $type --cpu-shares 0"
image=localhost/box:1
