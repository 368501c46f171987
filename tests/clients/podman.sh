# An image of busybox, and `p`, which is podman with $runtime and its storage in memory; `o` is what every container is
# run with. This kernel may have no controllers for its cgroup v2 tree, so no limits: `--pids-limit 0`.
# Run at the beginning of a session; never by itself.
# shellcheck shell=bash disable=SC2034,SC2154
"$repository/scripts/image.sh" /tmp/image.tar localhost/box:1 "$repository/bundles/hello/rootfs" sh
p() {
    timeout 60 podman --runtime "$runtime" --cgroup-manager cgroupfs --log-level error \
        --storage-driver vfs --root /tmp/storage --runroot /run/storage "$@"
}
o='--network none --pids-limit 0'
image=localhost/box:1
p load -qi /tmp/image.tar >/dev/null
