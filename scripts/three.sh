#!/usr/bin/env bash
# three.sh: what cve.sh and conformance.sh have in common, which source this with `area` set: the test executable of
# that name, put to peapod, crun and runc. It reads their arguments, [--peers DIR].
#
# All three run in the peers' root (see peers.sh), on this machine's kernel. PEAPOD_PROFILE=dev takes what
# `cargo build` has built, and builds nothing.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
: "${area:?}"
# The order that join needs.
export LC_ALL=C

peers=${PEAPOD_PEERS:-$cache/peers}
while [[ $# -gt 0 ]]; do
    case $1 in
        --peers) peers=${2:?} ;;
        *) die "usage: $area.sh [--peers DIR]" ;;
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
tests=$(cargo test --quiet -p tests --test "$area" --no-run --message-format=json |
    jq -r 'select(.executable and .profile.test) | .executable')
environment=(
    PEAPOD="$programs/peapod" PEAPOD_PAUSE="$programs/pause" PEAPOD_BUNDLES="$repo/bundles"
    PEAPOD_TEST_PROGRAMS="$programs" RUST_BACKTRACE=0
)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# results NAME [RUNTIME=PROGRAM]: a line `TEST ok`, `TEST FAILED` or `TEST skipped` for each test, in the file NAME.
results() {
    local name=$1 test
    shift
    note "$name"
    "$repo/scripts/peers.sh" "$peers" timeout 600 env "${environment[@]}" "$@" "$tests" --test-threads 2 \
        </dev/null >"$work/$name.log" 2>&1 || true
    grep -q '^test result: ' "$work/$name.log" || die "$name: no result: $(tail -n 5 "$work/$name.log")"
    # libtest may have begun the line with a test's name, and another's output may follow.
    sed -nE 's/^test ([a-z0-9_:#]+) \.\.\. .*$/\1/p' "$work/$name.log" | sort >"$work/tests"
    while read -r test; do
        if grep -q "^    $test\$" "$work/$name.log"; then
            echo "$test FAILED"
        elif grep -q "skipped: $test: " "$work/$name.log"; then
            echo "$test skipped"
        else
            echo "$test ok"
        fi
    done <"$work/tests" >"$work/$name"
}

version() { "$repo/scripts/peers.sh" "$peers" "$1" --version | sed -n '1s/.*version //p'; }
