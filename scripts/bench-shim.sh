#!/usr/bin/env bash
# bench-shim.sh [--rounds N] [--execs N] [--peers DIR]: our shim and containerd-shim-runc-v2 under the same containerd,
# in the same run: the memory of three idle shims with a container each, what more containers of a pod and many execs
# add to it, and the time of `ctr run --rm` of /bin/true and of `ctr task exec`. Fails if ours takes more than promised.
#
# The time of `ctr version` is printed too: so much of each is the client. BENCH_PROGRAM names a shim that is built.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

rounds=30 execs=300 peers=$cache/peers
while [[ $# -gt 0 ]]; do
    case $1 in
        --rounds) rounds=${2:?} ;;
        --execs) execs=${2:?} ;;
        --peers) peers=${2:?} ;;
        *) die "usage: bench-shim.sh [--rounds N] [--execs N] [--peers DIR]" ;;
    esac
    shift 2
done

if [[ -z ${BENCH_SHIM:-} ]]; then
    BENCH_SHIM=${BENCH_PROGRAM:-}
    if [[ -z $BENCH_SHIM ]]; then
        "$repo/scripts/build.sh" --dist
        BENCH_SHIM=$(products dist)/containerd-shim-peapod-v1
    fi
    "$repo/scripts/bundles.sh" >/dev/null
    "$repo/scripts/peers.sh" "$peers"
    export BENCH_SHIM
    note "$(nproc) CPUs, Linux $(uname -r), load average $(cut -d ' ' -f 1-3 /proc/loadavg)"
    exec "$repo/scripts/peers.sh" "$peers" unshare --pid --fork --kill-child --mount-proc \
        "$repo/scripts/bench-shim.sh" --rounds "$rounds" --execs "$execs"
fi

# Inside the peers' root, in a PID namespace of our own.
set +eu
shim=$BENCH_SHIM repository=$repo type=
cd /tmp || exit
# shellcheck source=tests/shim/containerd.sh
source "$repo/tests/shim/containerd.sh"
ours=io.containerd.peapod.v1 theirs=io.containerd.runc.v2
run() { c run --runtime "$1" --cpu-shares 0 --null-io "${@:2}" >/dev/null 2>&1; }
shims() { pgrep -f "containerd-shim-$([[ $1 == "$ours" ]] && echo peapod || echo runc)"; }
# memory TYPE: PSS, private dirty memory, threads and anonymous memory, the most that any of its shims has; in KiB. The
# last is the same as the second, but where one shim alone has a program on a tmpfs: its pages are "private dirty".
memory() {
    local pid
    for pid in $(shims "$1"); do
        awk -v threads="$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" '
            /^Pss:/ { pss = $2 } /^Private_Dirty:/ { dirty = $2 } /^Anonymous:/ { own = $2 }
            END { print pss, dirty, threads, own }' \
            "/proc/$pid/smaps_rollup"
    done | awk '{ for (i = 1; i <= 4; i++) if ($i > most[i]) most[i] = $i }
        END { print most[1], most[2], most[3], most[4] }'
}
# median COMMAND...: its median time in ROUNDS files of TIMES, in ms; written by `timed`.
timed() {
    local begin=${EPOCHREALTIME/./}
    "${@:2}"
    echo $((${EPOCHREALTIME/./} - begin)) >>"$1"
}
median() { sort -n "$1" | awk '{ all[NR] = $1 } END { printf "%.1f", all[int((NR + 1) / 2)] / 1000 }'; }
ratio() { awk -v one="$1" -v other="$2" 'BEGIN { printf "%.2f", one / other }'; }
failed=0
# promise WHAT VALUE LIMIT: the value is at most that.
promise() {
    if awk -v value="$2" -v limit="$3" 'BEGIN { exit value > limit }'; then
        good "$1: $2, at most $3"
    else
        warn "$1: $2, and not at most $3"
        failed=1
    fi
}
# row NAME OURS THEIRS
row() { printf '%-44s %10s %10s %8s\n' "$1" "$2" "$3" "$([[ $2 == 0 ]] || ratio "$3" "$2")"; }

say "memory, in KiB; three shims with one container each"
for kind in "$ours" "$theirs"; do
    for i in 1 2 3; do run "$kind" -d "$image" "m$i" sleep 1000000; done
    # A shim rests when nothing has happened for two seconds.
    read -rt 4 <> <(:)
    read -r pss dirty threads own < <(memory "$kind")
    for ((i = 0; i < execs; i++)); do c task exec --exec-id "e$i" m1 true </dev/null; done
    read -rt 4 <> <(:)
    read -r _ after _ _ < <(memory "$kind")
    c task rm -f m1 m2 m3 >/dev/null 2>&1
    c container rm m1 m2 m3
    pod="--annotation io.kubernetes.cri.sandbox-id=p1 --annotation io.containerd.runc.v2.group=p1"
    # shellcheck disable=SC2086  # two options
    for i in 1 2 3 4 5; do run "$kind" -d $pod "$image" "p$i" sleep 1000000; done
    read -rt 4 <> <(:)
    read -r _ _ _ grown < <(memory "$kind")
    c task rm -f p1 p2 p3 p4 p5 >/dev/null 2>&1
    c container rm p1 p2 p3 p4 p5
    results+=("$pss $dirty $threads $after $(((grown - own) / 4))")
done
read -r pss dirty threads after each <<<"${results[0]}"
read -r pss2 dirty2 threads2 after2 each2 <<<"${results[1]}"
printf '%-44s %10s %10s %8s\n' "" peapod runc-v2 ratio
row "PSS, the largest" "$pss" "$pss2"
row "private dirty, the largest" "$dirty" "$dirty2"
row "threads" "$threads" "$threads2"
row "private dirty after $execs execs" "$after" "$after2"
row "memory of each further container" "$each" "$each2"

say "time, in ms; medians of $rounds rounds, one after the other"
run "$ours" -d "$image" x1 sleep 1000000
run "$theirs" -d "$image" x2 sleep 1000000
for ((i = 0; i < rounds; i++)); do
    timed floor c version >/dev/null 2>&1
    timed run1 run "$ours" --rm "$image" "t$i" true
    timed run2 run "$theirs" --rm "$image" "t$i" true
    timed exec1 c task exec --exec-id "e$i" x1 true </dev/null
    timed exec2 c task exec --exec-id "e$i" x2 true </dev/null
done
row "ctr run --rm true" "$(median run1)" "$(median run2)"
row "ctr task exec true" "$(median exec1)" "$(median exec2)"
note "ctr version, in comparison: $(median floor) ms"
promise "PSS" "$pss" 614
promise "private dirty" "$dirty" 192
promise "threads" "$threads" 1
promise "private dirty after $execs execs" "$after" 192
promise "memory of each further container" "$each" 48
promise "ctr run --rm true, as a part of that of runc's shim" "$(ratio "$(median run1)" "$(median run2)")" 0.56
c task rm -f x1 x2 >/dev/null 2>&1
exit "$failed"
