#!/usr/bin/env bash
# demo.sh: a pod from its first process to its last. Installs what is missing, builds peapod, makes the sample bundles,
# runs four of them in one pod, and stops it. What is shown is checked: if a claim does not hold, the demo fails.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

containers=(web client ignores-term orphans)
grace=2

# A person needs time to read; a pipe does not.
breathe() { [[ ! -t 1 ]] || sleep 1.5; }

show() {
    echo
    breathe
    say "$@"
}

# check CLAIM COMMAND...
check() {
    "${@:2}" || die "not so: $1"
    good "$1"
}

# within SECONDS COMMAND...: wait until COMMAND is true.
within() {
    local end=$((SECONDS + $1 + 1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.02
    done
}

now() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); } # milliseconds

# field NAME PID: a line of /proc/PID/status, the last word of it: of the ids of a process, the innermost.
field() { awk -v name="$1:" '$1 == name { print $NF }' "/proc/$2/status" 2>/dev/null; }

# has_ended PID: its zombie is the business of whatever process adopted it, and may stay a while.
has_ended() { [[ ! -d /proc/$1 || $(sed -n 's/^State:\s*//p' "/proc/$1/status" 2>/dev/null) == Z* ]]; }

prepare() {
    say "installing what is missing"
    need jq=jq ps=procps findmnt=util-linux
    "$repo/scripts/build.sh"
    "$repo/scripts/bundles.sh"
}

peapod() { "$programs/peapod" --root "$work/root" "$@"; }

# Whatever happened: nothing that the demo started may outlive it.
clean_up() {
    peapod sandbox delete --force "$pod" || true
    rm -rf "$work"
}

start_pod() {
    show "a pod: pause, and the namespaces that it holds"
    peapod sandbox create "$pod" --hostname demo-pod >"$work/sandbox.json"
    jq . "$work/sandbox.json"
    pause=$(jq .pid "$work/sandbox.json")
    cgroup=$(findmnt --noheadings --first-only --output TARGET --types cgroup2)$(jq -r .cgroup "$work/sandbox.json")

    local name
    for name in "${containers[@]}"; do
        peapod create --sandbox "$pod" --bundle "$repo/bundles/$name" --pid-file "$work/$name.pid" "$name" \
            </dev/null >"$work/$name.log" 2>&1 || die "$(<"$work/$name.log")"
        peapod start "$name"
        pid_of[$name]=$(<"$work/$name.pid")
    done
    check "${#containers[@]} containers run" all_run
}

all_run() {
    local name
    for name in "${containers[@]}"; do
        [[ $(peapod state "$name" | jq -r .status) == running ]] || return 1
    done
}

show_processes() {
    show "its processes, one cgroup for each container"
    printf '%-14s %7s %7s %10s  %s\n' container pid parent "pid in pod" command
    local leaf pid command
    for leaf in "$cgroup"/*/; do
        while read -r pid; do
            # Some live for a second only, and may end while they are looked at.
            command=$({ tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null) || continue
            printf '%-14s %7s %7s %10s  %s\n' \
                "$(basename "$leaf")" "$pid" "$(field PPid "$pid")" "$(field NSpid "$pid")" "$command"
            seen+=("$pid")
        done <"$leaf/cgroup.procs"
    done
    check "pause is process 1 of the pod" test "$(field NSpid "$pause")" = 1
    note "pause: a program of $(stat --format=%s "$programs/pause") bytes, with $(
        awk '$1 == "VmRSS:" { print $2, $3 }' "/proc/$pause/status") of memory"
}

show_namespaces() {
    show "its namespaces: all but the mounts are shared"
    local processes=("$pause") name kind process numbers
    printf '%-8s %12s' "" pause
    for name in web client; do
        printf ' %12s' "$name"
        processes+=("${pid_of[$name]}")
    done
    for kind in net ipc uts pid mnt; do
        numbers=()
        for process in "${processes[@]}"; do
            numbers+=("$(stat --dereference --format=%i "/proc/$process/ns/$kind")")
        done
        printf '\n%-8s %12s %12s %12s' "$kind" "${numbers[@]}"
        inodes[$kind]=$(printf '%s\n' "${numbers[@]}" | sort -u | wc -l)
        [[ ${numbers[0]} != "$(stat --dereference --format=%i "/proc/self/ns/$kind")" ]] || die "$kind is the host's"
    done
    echo
    for kind in net ipc uts pid; do
        check "$kind: one for the whole pod" test "${inodes[$kind]}" = 1
    done
    check "mnt: one each" test "${inodes[mnt]}" = 3
}

show_page() {
    show "one container fetches the other's page over 127.0.0.1"
    local page
    page=$(<"$repo/bundles/web/files/www/index.html")
    within 5 grep -qF "client: got: $page" "$work/client.log" || die "the client got no page: $(<"$work/client.log")"
    grep -F --max-count 1 "client: got: $page" "$work/client.log"
    check "the page is in the web container alone" test ! -e "$repo/bundles/client/rootfs/www"
}

# find_orphan: a process of the container `orphans` whose parent is pause.
find_orphan() {
    local pid
    while read -r pid; do
        if [[ $(field Name "$pid") == orphan && $(field PPid "$pid") == "$pause" ]]; then
            orphan=$pid
            return
        fi
    done <"$cgroup/orphans/cgroup.procs"
    return 1
}

# shellcheck disable=SC2009  # pgrep cannot ask for a state and a parent
no_zombie() { ! ps -o stat= --ppid "$pause" | grep -q Z; }

show_orphan() {
    show "an orphan is adopted by pause, and reaped when it ends"
    within 5 find_orphan || die "no orphan was adopted by pause"
    good "process $orphan, forked by a process that is gone, has pause for its parent"
    check "it ended, and pause left nothing of it" within 5 test ! -d "/proc/$orphan"
    # One that has just ended may be caught before pause wakes up: none may stay.
    check "no zombie waits for pause" within 1 no_zombie
}

stop_pod() {
    show "the pod is stopped: SIGTERM, $grace s of grace, SIGKILL"
    local stopping start took web=${pid_of[web]} stubborn=${pid_of[ignores-term]}
    start=$(now)
    peapod sandbox stop --grace-period "$grace" "$pod" &
    stopping=$!
    check "web caught SIGTERM and said good-bye" within 1 grep -q 'SIGTERM, closing' "$work/web.log"
    check "web ended at once" within 1 has_ended "$web"
    note "after $(($(now) - start)) ms"
    [[ $(now) -lt $((start + grace * 1000)) ]] || die "that was not within the grace period"
    if has_ended "$stubborn"; then die "ignores-term ended at SIGTERM"; fi
    good "ignores-term goes on"
    breathe
    wait "$stopping" || die "the pod was not stopped"
    took=$(($(now) - start))
    check "ignores-term was killed" has_ended "$stubborn"
    note "after $took ms"
    check "it had its whole grace period, and no more" test \
        "$took" -ge $((grace * 1000)) -a "$took" -le $((grace * 1000 + 500))
}

# None of the processes that were seen; zombies count, until the host's init has had its turn.
all_gone() {
    local pid
    for pid in "${seen[@]}"; do
        [[ ! -d /proc/$pid ]] || return 1
    done
}

no_mount() { ! grep -qF -e "$work" -e "$repo/bundles/" /proc/self/mountinfo; }

show_nothing_left() {
    show "nothing is left"
    peapod sandbox delete "$pod"
    check "no process" within 5 all_gone
    check "no cgroup" test ! -e "$cgroup"
    check "no mount" no_mount
    check "no state" test -z "$(peapod list --quiet)$(peapod sandbox list --format json | jq -r '.[].id')$(
        find "$work/root" -name "*$pod*" -o -name web -o -name client)"
}

if [[ ${1:-} != --prepared ]]; then
    prepare
    # As root from here on, with the programs that were built as whoever this is.
    as_root env "NO_COLOR=${NO_COLOR:-}" "$0" --prepared "$(products release)"
    exit
fi

programs=$2
declare -A pid_of=() inodes=()
seen=()
pod=demo-$$
work=$(mktemp -d /run/peapod-demo.XXXXXX)
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

begin=$(now)
start_pod
show_processes
show_namespaces
show_page
show_orphan
stop_pod
show_nothing_left
echo
say "all as claimed, in $(($(now) - begin)) ms"
