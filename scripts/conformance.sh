#!/usr/bin/env bash
# conformance.sh [--peers DIR]: put peapod, runc and crun to the tests of tests/conformance, and write what came of it
# into tests/conformance/TABLE.md. Fails if peapod fails one.
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
        *) die "usage: conformance.sh [--peers DIR]" ;;
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
tests=$(cargo test --quiet -p tests --test conformance --no-run --message-format=json |
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
    sed -nE 's/^test ([a-z0-9_:#]+) \.\.\. .*$/\1/p' "$work/$name.log" | LC_ALL=C sort >"$work/tests"
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

say "runtime-spec 1.3.0, against three runtimes"
results peapod
results runc RUNTIME=/usr/bin/runc
results crun RUNTIME=/usr/bin/crun

# passed NAME: how many.
passed() { grep -c ' ok$' "$work/$1"; }

{
    echo '# runtime-spec 1.3.0, against three runtimes'
    echo
    echo 'Made by scripts/conformance.sh. A test is a fact that the specification states, under its document and section;'
    echo '*fails* means that the runtime does not do so, *skipped* that this machine cannot show it.'
    echo
    echo "| test | peapod | runc $(version runc) | crun $(version crun) |"
    echo '| --- | --- | --- | --- |'
    echo "| **passed** of $(wc -l <"$work/peapod") | $(passed peapod) | $(passed runc) | $(passed crun) |"
    LC_ALL=C join "$work/peapod" "$work/runc" | LC_ALL=C join - "$work/crun" | sed 's/FAILED/**fails**/g' |
        awk '{ printf "| `%s` | %s | %s | %s |\n", $1, $2, $3, $4 }'
} >"$work/TABLE.md"
install -m 644 "$work/TABLE.md" "$repo/tests/conformance/TABLE.md"
grep -F '**' "$work/TABLE.md"
if grep -q FAILED "$work/peapod"; then
    sed -n '/^failures:$/,$p' "$work/peapod.log"
    die "peapod fails"
fi
good "peapod does what the specification says; tests/conformance/TABLE.md is written"
