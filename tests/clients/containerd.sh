# A containerd with an image of busybox, and `c`, which is its client; `o` is what every container is run with: no
# shares of the processor, since this kernel may have no controllers for its cgroup v2 tree.
# Run at the beginning of a session; never by itself.
# shellcheck shell=bash disable=SC2034,SC2154
"$repository/scripts/image.sh" /tmp/image.tar localhost/box:1 "$repository/bundles/hello/rootfs" sh
cat >/tmp/containerd.toml <<END
version = 3
root = "/tmp/containerd"
state = "/run/containerd"
disabled_plugins = [
    "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime",
    "io.containerd.podsandbox.controller.v1.podsandbox",
]
[grpc]
address = "/run/containerd/socket"
END
c() { timeout 60 ctr --address /run/containerd/socket "$@"; }
containerd --config /tmp/containerd.toml >/tmp/containerd.log 2>&1 &
until c version >/dev/null 2>&1; do :; done
c images import --no-unpack /tmp/image.tar >/dev/null
o="--runc-binary $runtime --cpu-shares 0 --snapshotter native"
image=localhost/box:1
