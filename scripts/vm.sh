#!/usr/bin/env bash
# vm.sh [--deadline SECONDS] [--memory SIZE] [--security MODULE] [--systemd] COMMAND [ARG...]: run COMMAND as root under
# a User-Mode-Linux kernel, with this environment, in this directory, and return its exit status. --systemd boots
# systemd, and runs COMMAND when its bus is there.
#
# The kernel is an ordinary program that boots in two seconds and has what a host may lack: a cgroup v2 tree with the
# cpu, io, memory and pids controllers. On Debian 12 it is Linux 6.1, the oldest that peapod promises to run on. Its
# root is this machine's own, read-only, with fresh tmpfs on /run, /tmp and /dev/shm; /dev/ubda is a block device of
# 64 MiB. Not there: more than one CPU, hence no cpuset; PSI; hugetlb; on the root, no overlayfs upper layers and no
# idmapped mounts.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

deadline=120 memory=1G security=none systemd=
while [[ ${1:-} == --* ]]; do
    case $1 in
        --deadline) deadline=${2:?}; shift ;;
        --memory) memory=${2:?}; shift ;;
        --security) security=${2:?}; shift ;;
        --systemd) systemd=yes ;;
        *) die "unknown option $1" ;;
    esac
    shift
done
[[ $# -gt 0 ]] ||
    die "usage: vm.sh [--deadline SECONDS] [--memory SIZE] [--security MODULE] [--systemd] COMMAND [ARG...]"
[[ $(uname -m) == x86_64 ]] || die "User-Mode-Linux runs on x86_64 alone"
need linux.uml=user-mode-linux

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
truncate --size 64M "$work/disk"

# What a tmpfs on /run or /tmp would hide although COMMAND may need it.
kept=()
for directory in "$repo" "$PWD" "$(realpath -m "${CARGO_TARGET_DIR:-$repo}")"; do
    [[ $directory != /run/* && $directory != /tmp/* ]] || kept+=("$directory")
done

{
    export -p | grep -v '^declare -x \(TMPDIR\|OLDPWD\|SHLVL\|TERM\)'
    printf 'kept=(%s)\n' "${kept[*]@Q}"
    printf 'command=(%s)\n' "${*@Q}"
    # Nobody sits before the console: its output goes into a pipe.
    echo 'export TERM=dumb'
    printf 'work=%q directory=%q systemd=%q\n' "$work" "$PWD" "$systemd"
} >"$work/settings"

# PID 1 inside. It ends by stopping the machine, whatever happened: a PID 1 that exits is a kernel panic.
cat >"$work/init" <<'INIT'
#!/bin/bash
source "${0%/*}/settings"
stop() {
    echo o >/proc/sysrq-trigger
    sleep 60
}
trap stop EXIT
set -e

command() {
    set +e
    cd "$directory"
    "${command[@]}"
    echo $? >/run/result/status
}
if [[ $$ != 1 ]]; then
    # systemd has started it.
    command
    exit
fi

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/result /run/below /dev/shm /dev/pts
# The first is how Linux 6.1 reads the option, the second how 7.2 does.
mount -t hostfs -o "$work" none /run/result 2>/dev/null || mount -t hostfs -o "hostfs=$work" none /run/result
mount --bind / /run/below
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
for path in "${kept[@]}"; do
    mkdir -p "$path"
    mount --bind "/run/below$path" "$path"
done
umount /run/below
if [[ -n $systemd ]]; then
    # What systemd wants to write: the machine's id among others.
    for path in /var/lib/systemd /var/log /var/tmp; do
        [[ ! -d $path ]] || mount -t tmpfs tmpfs "$path"
    done
    mkdir -p /run/systemd/system
    cat >/run/systemd/system/command.service <<UNIT
[Unit]
Requires=dbus.socket
After=dbus.socket
[Service]
Type=oneshot
ExecStart=/run/result/init
StandardOutput=file:/dev/console
StandardError=inherit
Delegate=yes
UNIT
    trap - EXIT
    exec /lib/systemd/systemd --unit=command.service --show-status=no
fi
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for controller in $(</sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || echo "vm: no $controller" >&2
done
command
INIT
chmod +x "$work/init"

# The kernel's processes share a PID namespace (which only root may make), so that none outlives a forced end.
# The shell is PID 1 there: coreutils 9.10's timeout cannot be.
# `quiet` leaves the console, its standard output, to COMMAND; a console ends lines with a carriage return as well.
contained=()
[[ $EUID != 0 ]] || contained=(unshare --pid --fork --kill-child sh -c '"$@"; exit' --)
HOME=$work "${contained[@]}" timeout --foreground --kill-after 5 "$deadline" \
    linux.uml "mem=$memory" rootfstype=hostfs rootflags=/ ro "init=$work/init" "ubd0=$work/disk" \
    con0=fd:0,fd:1 con=null "security=$security" selinux=0 quiet loglevel=0 systemd.tty.term.console=dumb </dev/null |
    sed --unbuffered 's/\r$//; /^sysrq: Power Off$/d' || true

[[ -s $work/status ]] || die "the virtual machine ended without a result (deadline: $deadline s)"
exit "$(<"$work/status")"
