#!/usr/bin/env bash
# bundles.sh: give every bundle in bundles/ a rootfs: busybox, its links, and the bundle's own files. A rootfs that is
# newer than what it is made from is left alone.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
umask 022

# The rootfs holds nothing but busybox, so only a static one will do. Where another is installed, it stays installed.
find_busybox() {
    local installed
    if installed=$(command -v busybox) && ! ldd "$installed" 2>/dev/null | grep -q '=>'; then
        echo "$installed"
        return
    fi
    if [[ ! -x $cache/busybox/bin/busybox ]]; then
        mkdir -p "$cache/busybox"
        (cd "$cache/busybox" && apt-get -qq download busybox-static && dpkg -x busybox-static_*.deb .) >&2
    fi
    echo "$cache/busybox/bin/busybox"
}

# make_tree DIR: what all bundles have in common.
make_tree() {
    mkdir -p "$1"/{bin,dev,etc,proc,sys,tmp,var}
    chmod 1777 "$1/tmp"
    cp "$busybox" "$1/bin/busybox"
    # Relative links: an absolute one would lead out of the tree while it is looked at from outside.
    "$busybox" --list | grep -vx busybox | (cd "$1/bin" && xargs -n 1 ln -s busybox)
    printf '%s\n' 'root:x:0:0:root:/:/bin/sh' 'nobody:x:65534:65534:nobody:/:/bin/false' >"$1/etc/passwd"
    printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >"$1/etc/group"
}

# newer_than ROOTFS PATH...: has any file in PATH changed since ROOTFS was made?
newer_than() {
    [[ -n $(find "${@:2}" -path "$1" -prune -o -type f -newer "$1" -print -quit) ]]
}

command -v busybox >/dev/null || apt_install busybox-static
busybox=$(find_busybox)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for config in "$repo"/bundles/*/config.json; do
    bundle=${config%/config.json}
    [[ ! -d $bundle/rootfs ]] || newer_than "$bundle/rootfs" "$0" "$bundle" || continue
    [[ -d $work/tree ]] || make_tree "$work/tree"
    rm -rf "$bundle/rootfs.new"
    cp -a "$work/tree" "$bundle/rootfs.new"
    [[ ! -d $bundle/files ]] || cp -a "$bundle/files/." "$bundle/rootfs.new/"
    touch "$bundle/rootfs.new" # `cp -a` gave it the age of its source
    rm -rf "$bundle/rootfs"
    mv "$bundle/rootfs.new" "$bundle/rootfs"
    note "made ${bundle#"$repo/"}/rootfs"
done
