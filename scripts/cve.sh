#!/usr/bin/env bash
# cve.sh [--peers DIR]: put peapod, crun and runc to the tests of tests/cve, and write what came of it into
# tests/cve/TABLE.md. Fails if peapod fails one, or if crun passes all: then the tests would prove nothing.
#
# All three run in the peers' root (see peers.sh), on this machine's kernel. PEAPOD_PROFILE=dev takes what
# `cargo build` has built, and builds nothing.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

peers=${PEAPOD_PEERS:-$cache/peers}
while [[ $# -gt 0 ]]; do
    case $1 in
        --peers) peers=${2:?} ;;
        *) die "usage: cve.sh [--peers DIR]" ;;
    esac
    shift 2
done

profile=${PEAPOD_PROFILE:-release}
if [[ $profile == release ]]; then
    "$repo/scripts/build.sh"
fi
"$repo/scripts/bundles.sh"
"$repo/scripts/peers.sh" "$peers"
need jq=jq
programs=$(products "${profile/#dev/debug}")
cd "$repo"
tests=$(cargo test --quiet -p tests --test cve --no-run --message-format=json |
    jq -r 'select(.executable and .profile.test) | .executable')
environment=(
    PEAPOD="$programs/peapod" PEAPOD_PAUSE="$programs/pause" PEAPOD_BUNDLES="$repo/bundles"
    PEAPOD_TEST_PROGRAMS="$programs" RUST_BACKTRACE=0
)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# results NAME [RUNTIME=PROGRAM]: a line `TEST ok` or `TEST FAILED` for each test, in the file NAME.
results() {
    local name=$1
    shift
    note "$name"
    "$repo/scripts/peers.sh" "$peers" timeout 600 env "${environment[@]}" "$@" "$tests" --test-threads 2 \
        </dev/null >"$work/$name.log" 2>&1 || true
    # libtest may have begun the line with a test's name, and another's output may follow.
    sed -nE 's/^test ([a-z0-9_:]+) \.\.\. .*$/\1/p' "$work/$name.log" | sort >"$work/tests"
    local test
    while read -r test; do
        if grep -q "^    $test\$" "$work/$name.log"; then echo "$test FAILED"; else echo "$test ok"; fi
    done <"$work/tests" >"$work/$name"
    grep -q '^test result: ' "$work/$name.log" || die "$name: no result: $(tail -n 5 "$work/$name.log")"
}

version() { "$repo/scripts/peers.sh" "$peers" "$1" --version | sed -n '1s/.*version //p'; }

say "known attacks, against three runtimes"
results peapod
results crun RUNTIME=/usr/bin/crun
results runc RUNTIME=/usr/bin/runc

{
    echo '# Known attacks, against three runtimes'
    echo
    echo 'Made by scripts/cve.sh. A test is named after the CVE, advisory or measured defect; *fails* means that the attack'
    echo 'works, or that the runtime does not do what the test needs.'
    echo
    echo "| test | peapod | crun $(version crun) | runc $(version runc) |"
    echo '| --- | --- | --- | --- |'
    join "$work/peapod" "$work/crun" | join - "$work/runc" | sed 's/FAILED/**fails**/g; s/\<ok\>/ok/g' |
        awk '{ sub(/^[a-z]+::/, "", $1); printf "| `%s` | %s | %s | %s |\n", $1, $2, $3, $4 }' | sort
} >"$work/TABLE.md"
install -m 644 "$work/TABLE.md" "$repo/tests/cve/TABLE.md"
sed -n '/^| `/p' "$work/TABLE.md"
if grep -q FAILED "$work/peapod"; then
    sed -n '/^failures:$/,$p' "$work/peapod.log"
    die "peapod fails"
fi
grep -q FAILED "$work/crun" || die "crun passes all: the tests prove nothing"
good "peapod withstands all of them; tests/cve/TABLE.md is written"
