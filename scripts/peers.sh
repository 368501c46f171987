#!/usr/bin/env bash
# peers.sh DIR [COMMAND...]: build a Debian forky root at DIR, unless it is there already, with the container runtimes
# and engines that peapod is compared and used with, and run COMMAND inside it.
#
# COMMAND runs on this machine's kernel in a private mount namespace that shows a pure cgroup v2 tree, with /run and
# /tmp on tmpfs and this repository at its usual path. A host that binds its controllers to cgroup v1 has none left for
# that tree: lifecycle, freezer and cgroup.kill work there, limits do not (see vm.sh).
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

packages=(
    busybox-static ca-certificates catatonit containerd containernetworking-plugins criu crun curl dbus iproute2
    iptables jq kmod nftables podman procps python3 runc strace systemd systemd-sysv user-mode-linux util-linux
)

build() {
    say "building the peers' root in $root (about two minutes, 750 MB)"
    need mmdebstrap=mmdebstrap
    mkdir -p "$(dirname "$root")"
    # forky is not released: its Release file may be past its date on a mirror. mmdebstrap removes a root that it
    # could not finish, and the name appears only when all is done.
    local list
    list=$(IFS=,; echo "${packages[*]}")
    rm -rf "$root.part"
    as_root mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
        --include="$list" forky "$root.part" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
    # Let modprobe find the modules of User-Mode-Linux.
    as_root mkdir -p "$root.part/usr/lib/modules"
    local modules
    for modules in "$root.part"/usr/lib/uml/modules/*; do
        as_root ln -s "../uml/modules/${modules##*/}" "$root.part/usr/lib/modules/"
    done
    as_root mv "$root.part" "$root"
}

[[ $# -gt 0 ]] || die "usage: peers.sh DIR [COMMAND...]"
root=$(realpath -m "$1")
shift
[[ -d $root ]] || build
[[ $# -gt 0 ]] || exit 0

# Shown inside at the same path: the repository, and cargo's directory where that is somewhere else.
shared=("$repo")
[[ -z ${CARGO_TARGET_DIR:-} ]] || shared+=("$(realpath -m "$CARGO_TARGET_DIR")")

# shellcheck disable=SC2016  # expanded by the inner shell
as_root unshare --mount --propagation private bash -euc '
    root=$1 shared=$2 directory=$PWD; shift 2
    mount --bind "$root" "$root"
    cd "$root"
    mount -t proc proc proc
    mount -t sysfs sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount --rbind /dev dev
    mount -t tmpfs tmpfs run
    mount -t tmpfs tmpfs tmp
    while read -r path; do
        [[ ! -d $path ]] || { mkdir -p ".$path"; mount --bind "$path" ".$path"; }
    done <<<"$shared"
    mkdir -p srv/old
    pivot_root . srv/old
    cd "$directory" 2>/dev/null || cd /
    umount --lazy /srv/old
    export PATH=/usr/sbin:/usr/bin TMPDIR=/tmp
    exec "$@"' -- "$root" "$(printf '%s\n' "${shared[@]}")" "$@"
