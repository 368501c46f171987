#!/usr/bin/env bash
# cve.sh [--peers DIR]: put peapod, crun and runc to the tests of tests/cve, and write what came of it into
# tests/cve/TABLE.md. Fails if peapod fails one, or if crun passes all: then the tests would prove nothing.
#
# How they are run is in three.sh.
set -euo pipefail
area=cve
# shellcheck source=scripts/three.sh
source "$(dirname "$0")/three.sh"

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
