# Shared by the scripts beside it: where things are, messages, and how missing programs are installed.
# Sourced, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034  # the variables are for the scripts that source this

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${PEAPOD_CACHE:-$repo/.cache}

# What `peapod --version` says was built.
PEAPOD_COMMIT=$(git -C "$repo" rev-parse HEAD 2>/dev/null || echo unknown)
export PEAPOD_COMMIT

# Colour is for people: on a terminal, and not where NO_COLOR (no-color.org) is set.
if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
    bold='' dim='' red='' green='' plain=''
fi

say() { printf '%s== %s%s\n' "$bold" "$*" "$plain"; }
note() { printf '%s   %s%s\n' "$dim" "$*" "$plain"; }
good() { printf '%s ok%s %s\n' "$green" "$plain" "$*"; }
warn() { printf '%s%s: %s%s\n' "$red" "${0##*/}" "$*" "$plain" >&2; }
die() {
    warn "$@"
    exit 1
}

as_root() {
    if [[ $EUID == 0 ]]; then "$@"; else sudo -- "$@"; fi
}

# apt_install PACKAGE...: an update that fails is no reason to stop, since a third party's source may be out of reach
# while Debian's own are not.
apt_install() {
    command -v apt-get >/dev/null || die "no apt-get here: please install $*"
    [[ $EUID == 0 ]] || command -v sudo >/dev/null || die "neither root nor sudo: please install $*"
    note "installing $*"
    as_root apt-get -qq update || note "apt-get update failed; going on with the lists at hand"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -y --no-install-recommends install "$@" >/dev/null || die "apt-get could not install $*"
}

# need COMMAND=PACKAGE...: install the packages of the commands that are missing.
need() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    [[ ${#missing[@]} == 0 ]] || apt_install "${missing[@]}"
}

# rust_is_fit [COMPONENT...]: is there a Rust new enough, with these cargo commands? Asked in the repository, where
# rustup reads rust-toolchain.toml.
rust_is_fit() (
    cd "$repo" || exit
    least=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(rustc --version 2>/dev/null | cut -d' ' -f2)
    printf '%s\n' "$least" "$found" | sort --check=quiet --version-sort || exit 1
    for component in "" "$@"; do
        cargo ${component:+"$component"} --version >/dev/null 2>&1 || exit 1
    done
)

# need_rust [clippy] [fmt]: Debian 12's own rustc is far too old, but its security archive has the one that Firefox is
# built with. It replaces a `rustc` or `rustup` package, not a Rust in a home directory.
need_rust() {
    # The C library's static archive comes with no compiler package but by recommendation.
    need cc=gcc ld=binutils
    [[ -e $(cc -print-file-name=libc.a) ]] || apt_install libc6-dev
    rust_is_fit "$@" && return
    apt_install rustc-web cargo-web rust-web-clippy rustfmt-web ca-certificates
    PATH=/usr/bin:$PATH
    rust_is_fit "$@" || die "this needs a newer Rust, with $* (see rust-version in Cargo.toml and https://rustup.rs)"
}

# products [PROFILE]: the directory where cargo leaves its programs.
products() {
    local host
    host=$(rustc -vV | sed -n 's/^host: //p')
    echo "${CARGO_TARGET_DIR:-$repo/target}/$host/${1:-release}"
}

# with_cgroup2 COMMAND...: run COMMAND as root in a private mount namespace whose /sys/fs/cgroup is a pure cgroup v2
# tree, whatever the machine has there.
with_cgroup2() {
    # shellcheck disable=SC2016  # expanded by the inner shell
    as_root unshare --mount --propagation private bash -euc '
        [[ $(stat -fc %T /sys/fs/cgroup) == cgroup2fs ]] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
        exec "$@"' -- "$@"
}
