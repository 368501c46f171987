#!/usr/bin/env bash
# conformance.sh [--peers DIR]: put peapod, runc and crun to the tests of tests/conformance, and write what came of it
# into tests/conformance/TABLE.md. Fails if peapod fails one.
#
# How they are run is in three.sh.
set -euo pipefail
area=conformance
# shellcheck source=scripts/three.sh
source "$(dirname "$0")/three.sh"

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
    join "$work/peapod" "$work/runc" | join - "$work/crun" | sed 's/FAILED/**fails**/g' |
        awk '{ printf "| `%s` | %s | %s | %s |\n", $1, $2, $3, $4 }'
} >"$work/TABLE.md"
install -m 644 "$work/TABLE.md" "$repo/tests/conformance/TABLE.md"
grep -F '**' "$work/TABLE.md"
if grep -q FAILED "$work/peapod"; then
    sed -n '/^failures:$/,$p' "$work/peapod.log"
    die "peapod fails"
fi
good "peapod does what the specification says; tests/conformance/TABLE.md is written"
