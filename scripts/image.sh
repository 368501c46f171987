#!/usr/bin/env bash
# image.sh OUT.tar NAME:TAG ROOTFS COMMAND...: pack a directory as an image of one layer, in the form of `docker save`,
# which `podman load` and `ctr image import` take: no registry is needed.
set -euo pipefail

[[ $# -ge 4 ]] || {
    echo "usage: image.sh OUT.tar NAME:TAG ROOTFS COMMAND..." >&2
    exit 1
}
out=$(realpath -m "$1") name=$2 rootfs=$3
shift 3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar --create --file "$work/layer.tar" --directory "$rootfs" --numeric-owner --owner 0 --group 0 .
digest=$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)
case $(uname -m) in
    x86_64) architecture=amd64 ;;
    aarch64) architecture=arm64 ;;
    *) architecture=$(uname -m) ;;
esac
jq --null-input --arg architecture "$architecture" --arg layer "sha256:$digest" '{
    architecture: $architecture, os: "linux",
    config: { Env: ["PATH=/bin:/usr/bin"], Cmd: $ARGS.positional },
    rootfs: { type: "layers", diff_ids: [$layer] }
}' --args "$@" >"$work/config.json"
jq --null-input --arg name "$name" \
    '[{ Config: "config.json", RepoTags: [$name], Layers: ["layer.tar"] }]' >"$work/manifest.json"
tar --create --file "$out" --directory "$work" manifest.json config.json layer.tar
