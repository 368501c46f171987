#!/usr/bin/env bash
# test.sh [--all]: all tests, in four stages.
#   1. Unit and property tests, as a user without privileges; among them the comparison of our seccomp filters with
#      those of libseccomp.
#   2. Integration tests, as root, on this machine's kernel: in a private mount namespace with a pure cgroup v2 tree.
#      The unit tests run there once more, since those of cgroups have nothing to look at without privileges.
#   3. Limits, as root, under User-Mode-Linux 6.1, which has the cgroup v2 controllers that this machine may lack.
#   4. Real callers, as root, from a Debian forky root (750 MB, see peers.sh): podman, containerd, CRIU.
# --all adds: every system call at which the runtime can be disturbed, and not a sample; stage 3 again under
# User-Mode-Linux 7.2, with systemd too; and the known attacks against crun and runc, which prove that those tests can
# fail (see cve.sh).
#
# The last line is `N passed, N failed, N skipped`. A test that finds that it cannot run here writes a line
# `skipped: NAME: REASON` and passes; it is counted as skipped.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

all=false
case ${1:-} in
    '') ;;
    --all) all=true ;;
    *) die "usage: test.sh [--all]" ;;
esac

patience=600
if $all; then
    patience=1800
fi
log=$(mktemp)
public=$(mktemp -d)
trap 'rm -rf "$log" "$public"' EXIT
broken=0 not_run=()
# What needs other runtimes and engines.
callers="checkpoint clients cri differential shim"

# skip WHAT REASON: a whole stage.
skip() {
    note "skipped: $1: $2"
    not_run+=("$1: $2")
}

# run NAME COMMAND...: run a test executable. One that ends without its closing line, or lies in it, is one failure.
run() {
    local name=$1 status=0 part
    shift
    note "$name"
    part=$(mktemp -p "$public")
    "$@" 2>&1 | tee "$part" || status=$?
    if grep -q '^test result: FAILED' "$part" || { [[ $status == 0 ]] && grep -q '^test result: ok' "$part"; }; then
        cat "$part" >>"$log"
    else
        warn "$name ended with status $status and without a result"
        broken=$((broken + 1))
    fi
}

# tests_of ARGUMENT...: name and path of the test executables that `cargo test ARGUMENT...` would run.
tests_of() {
    (cd "$repo" && cargo test --quiet --no-run --message-format=json "$@") |
        jq -r 'select(.executable and .profile.test) | [.target.name, .executable] | @tsv'
}

# unprivileged COMMAND...: run COMMAND as nobody where we are root. Where nobody cannot even reach the repository, as
# in root's home, the first closed directory above it is covered, in a private mount namespace, by one that has nothing
# but the repository.
unprivileged() {
    if [[ $EUID != 0 ]]; then
        "$@"
        return
    fi
    # shellcheck disable=SC2016  # expanded by the inner shell
    unshare --mount --propagation private bash -euc '
        cd "$1"; shift
        nobody=(setpriv --reuid nobody --regid nogroup --clear-groups --bounding-set=-all --no-new-privs)
        closed=
        while read -rd / part; do
            closed+=$part/
            if ! "${nobody[@]}" test -x "$closed"; then
                mount -t tmpfs -o mode=755 tmpfs "$closed"
                mkdir -p "$PWD"
                mount --no-canonicalize --bind . "$PWD"
                cd "$PWD"
                break
            fi
        done <<<"$PWD/"
        exec "${nobody[@]}" "$@"' -- "$repo" "$@"
}

# limits_in NAME COMMAND...: the third stage, with COMMAND to start a program under a kernel.
limits_in() {
    local name=$1
    shift
    if [[ -z $limits ]]; then
        skip "$name" "there is no test executable \`limits\`"
    elif [[ $(uname -m) != x86_64 ]]; then
        skip "$name" "User-Mode-Linux runs on x86_64 alone"
    else
        run "$name" "$@" "$repo/scripts/vm.sh" --deadline 600 --security apparmor env "${environment[@]}" "$limits"
    fi
}

# sum WORD: the number before WORD in all closing lines.
sum() { sed -n "s/^test result: .* \([0-9]*\) $1;.*/\1/p" "$log" | awk '{ n += $1 } END { print n + 0 }'; }

"$repo/scripts/build.sh"
"$repo/scripts/bundles.sh"
need jq=jq setpriv=util-linux strace=strace apparmor_parser=apparmor
# What our seccomp filters are compared with, and the profile that podman runs containers with.
[[ -e /usr/include/seccomp.h && -e /usr/share/containers/seccomp.json ]] ||
    apt_install libseccomp-dev golang-github-containers-common
programs=$(products release)
peers=${PEAPOD_PEERS:-$cache/peers}
environment=(
    PEAPOD_PEERS="$peers"
    PEAPOD="$programs/peapod" PEAPOD_PAUSE="$programs/pause" PEAPOD_BUNDLES="$repo/bundles"
    PEAPOD_TEST_PROGRAMS="$programs"
)
if $all; then
    environment+=(PEAPOD_LONG=1)
fi
say "building the tests"
unit=$(tests_of -p peapod --lib --bins && tests_of -p shim --lib)
integration=$(tests_of -p tests --test '*')
limits=$(awk '$1 == "limits" { print $2 }' <<<"$integration")
seccomp=$(awk '$1 == "seccomp"' <<<"$integration")

say "1. unit and property tests, without root"
chmod 755 "$public"
while read -r name executable; do
    [[ -n $executable ]] || continue
    # Copied, since cargo's directory may be as closed as the repository.
    install -m 755 "$executable" "$public/"
    run "$name" unprivileged "$public/${executable##*/}" </dev/null
done <<<"$unit"$'\n'"$seccomp"

say "2. integration tests, as root, on Linux $(uname -r)"
if [[ $EUID != 0 ]] && ! command -v sudo >/dev/null; then
    skip integration "needs root or sudo"
else
    cd "$repo/tests"
    while read -r name executable; do
        # The limits and the callers have stages of their own, seccomp had its in the first, and tidy belongs to
        # check.sh.
        [[ ! " limits seccomp tidy $callers " == *" $name "* && -n $executable ]] || continue
        run "$name" with_cgroup2 timeout "$patience" env "${environment[@]}" "$executable" </dev/null
    done <<<"$unit"$'\n'"$integration"
    cd "$repo"
fi

say "3. limits, under User-Mode-Linux 6.1"
limits_in "limits on 6.1"

say "4. real callers, from a Debian forky root"
if [[ $EUID != 0 ]] && ! command -v sudo >/dev/null; then
    skip "$callers" "need root or sudo"
elif ! "$repo/scripts/peers.sh" "$peers"; then
    skip "$callers" "the root at $peers could not be built"
else
    cd "$repo/tests"
    while read -r name executable; do
        case $name in
            # CRIU is in that root, and looks at files where it is; and so is runc, which hands signals that its caller
            # ignores on to the container.
            checkpoint | differential)
                run "$name" "$repo/scripts/peers.sh" "$peers" env --default-signal "${environment[@]}" "$executable" \
                    </dev/null
                ;;
            *)
                [[ " $callers " == *" $name "* && -n $executable ]] || continue
                run "$name" with_cgroup2 timeout "$patience" env "${environment[@]}" "$executable" </dev/null
                ;;
        esac
    done <<<"$integration"
    cd "$repo"
    if $all; then
        say "3. limits, under User-Mode-Linux 7.2, without systemd and with it"
        limits_in "limits on 7.2" "$repo/scripts/peers.sh" "$peers"
        run "limits under systemd" "$repo/scripts/peers.sh" "$peers" "$repo/scripts/vm.sh" --systemd --deadline 300 \
            env "${environment[@]}" "$limits" systemd
        say "the known attacks, against three runtimes"
        "$repo/scripts/cve.sh" --peers "$peers" || broken=$((broken + 1))
    fi
fi

# libtest may have begun the line with a test's name.
mapfile -t by_tests < <(sed -nE 's/^(test .* \.\.\. )?skipped: //p' "$log")
not_run+=("${by_tests[@]}")
passed=$(($(sum passed) - ${#by_tests[@]}))
failed=$(($(sum failed) + broken))
skipped=$((${#not_run[@]} + $(sum ignored)))
echo
[[ ${#not_run[@]} == 0 ]] || printf 'not run here: %s\n' "${not_run[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[[ $failed == 0 ]]
