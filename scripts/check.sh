#!/usr/bin/env bash
# check.sh: what can be found out without running peapod: formatting, lints, documentation, shell scripts, spelling, and
# the repository's own rules (the tidy test). All is checked, whatever failed before.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

failed=()
step() {
    local name=$1
    shift
    say "$name"
    "$@" || failed+=("$name")
}

# typos is on PyPI as a ready program; its source takes minutes to build.
spelling() {
    local venv=$cache/typos version=1.52.0
    if [[ ! -x $venv/bin/typos ]]; then
        python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
        if ! { python3 -m venv "$venv" && "$venv/bin/pip" --quiet install "typos==$version"; }; then
            rm -rf "$venv"
            note "not checked: typos $version cannot be had from PyPI here"
            return
        fi
    fi
    "$venv/bin/typos"
}

documentation() {
    RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --document-private-items
}

need_rust clippy fmt
need shellcheck=shellcheck
cd "$repo"
step formatting cargo fmt --check
step lints cargo clippy --quiet --workspace --all-targets -- -D warnings
step documentation documentation
step "shell scripts" shellcheck --external-sources scripts/*.sh tests/clients/*.sh tests/shim/*.sh .ci/run bundles/*/files/bin/*
step spelling spelling
step tidy cargo test --quiet -p tests --test tidy

[[ ${#failed[@]} == 0 ]] || die "failed:$(printf ' [%s]' "${failed[@]}")"
good "all checks"
