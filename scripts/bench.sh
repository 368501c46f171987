#!/usr/bin/env bash
# bench.sh [--rounds N] [--peers DIR]: create + start + delete of /bin/true, exec and state, peapod against crun, runc
# and, where YOUKI names its program, youki. Fails if peapod takes a larger part of crun's time than it promises.
#
# All run the same bundle in the same place: the peers' root (see peers.sh) on this kernel, in a private mount namespace
# with a pure cgroup v2 tree, state and bundle on tmpfs. The bundle asks for no resources, since the tree may have no
# controllers, and for no seccomp. Not equal: runc and crun always attach a device filter to the cgroup.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

rounds=50 peers=$cache/peers
while [[ $# -gt 0 ]]; do
    case $1 in
        --rounds) rounds=${2:?} ;;
        --peers) peers=${2:?} ;;
        *) die "usage: bench.sh [--rounds N] [--peers DIR]" ;;
    esac
    shift 2
done

# busiest: the three programs that took most of the CPU in the last second, except the one that asks.
busiest() {
    top -b -d 1 -n 2 -o %CPU | awk '
        $1 == "PID" { sample++; next }
        sample == 2 && NF >= 12 && $12 != "top" && $9 > 1 && n < 3 { printf "%s%s %s%%", n++ ? ", " : "", $12, $9 }
        END { if (!n) printf "nothing" }'
}

# Inside the peers' root: everything but the programs is on its tmpfs.
if [[ -n ${BENCH_PROGRAM:-} ]]; then
    bundle() {
        mkdir -p "/run/bench/bundles/$1"
        cp -a "$repo/bundles/hello/rootfs" "/run/bench/bundles/$1/"
        jq '.process.args = $ARGS.positional' "$repo/bundles/hello/config.json" \
            --args "${@:2}" >"/run/bench/bundles/$1/config.json"
    }
    bundle ends /bin/true
    bundle stays /bin/sleep 1000000
    read -ra runtimes <<<"$BENCH_RUNTIMES"
    exec "$BENCH_PROGRAM" "$rounds" /run/bench/bundles /run/bench "${runtimes[@]}"
fi

"$repo/scripts/build.sh" --dist
"$repo/scripts/bundles.sh"
"$repo/scripts/peers.sh" "$peers"
need top=procps
programs=$(products dist)
# A copy, as whoever installs it makes one, and as the peers' packages are: a file that is written from one end to the
# other lies in larger pieces of the page cache than one that a linker has put together, and is faster to execute.
mkdir -p "$cache/installed"
install "$programs/peapod" "$cache/installed/"

say "create + start + delete, exec of /bin/true, state"
note "machine: $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n 1), $(nproc) CPUs, Linux $(uname -r)"
note "load average: $(cut -d ' ' -f 1-3 /proc/loadavg); busy besides: $(busiest)"
status=0
BENCH_PROGRAM=$programs/bench \
    BENCH_RUNTIMES="peapod=$cache/installed/peapod crun=/usr/bin/crun runc=/usr/bin/runc${YOUKI:+ youki=$YOUKI}" \
    "$repo/scripts/peers.sh" "$peers" "$repo/scripts/bench.sh" --rounds "$rounds" || status=$?
note "load average after: $(cut -d ' ' -f 1-3 /proc/loadavg)"
exit "$status"
