#!/usr/bin/env bash
# build.sh [--dist]: build peapod and its shim, with a Rust from Debian where there is none new enough. --dist builds
# what is shipped: slower to build, a little smaller and faster.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

case ${1:-} in
    '') profile=release ;;
    --dist) profile=dist ;;
    *) die "usage: build.sh [--dist]" ;;
esac

# shellcheck disable=SC2119  # no component
need_rust
cd "$repo"
say "building ($profile)"
cargo build --profile "$profile" --workspace --bins
for program in peapod pause containerd-shim-peapod-v1; do
    stat --format='   %n: %s bytes' "$(products "$profile")/$program"
done
