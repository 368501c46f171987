#!/usr/bin/env bash
# syscalls.sh [DIR]: write the table of system calls anew, runtime/src/plan/seccomp/syscalls.in: every name that an
# architecture has in the headers that Linux offers to programs, with its number on each.
#
# DIR is a root with Debian's linux-libc-dev, which has the headers of all architectures in /usr/lib/linux/uapi;
# without it, that package is taken from Debian forky. Numbers never change: a newer kernel only adds rows.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

[[ $# -le 1 ]] || die "usage: syscalls.sh [DIR]"
root=${1:-}
if [[ -z $root ]]; then
    need mmdebstrap=mmdebstrap
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    mmdebstrap --quiet --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' --include=linux-libc-dev \
        forky "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
fi
headers=$root/usr/lib/linux/uapi
[[ -d $headers ]] || die "no headers at $headers"
version=$(awk '/_(MAJOR|PATCHLEVEL|SUBLEVEL) / { printf "%s%s", dot, $3; dot = "." }' \
    "$root/usr/include/linux/version.h")

# The columns, in the order of COLUMNS in syscalls.rs: a name, the number that the header calls its base, the headers.
columns=(
    x86_64:0:x86/asm/unistd_64.h
    x86:0:x86/asm/unistd_32.h
    x32:0:x86/asm/unistd_x32.h
    aarch64:0:arm64/asm/unistd_64.h
    arm:0:arm/asm/unistd-eabi.h:arm/asm/unistd.h
    riscv64:0:riscv/asm/unistd_64.h
    loongarch64:0:loongarch/asm/unistd_64.h
    mips:4000:mips/asm/unistd_o32.h
    mips64:5000:mips/asm/unistd_n64.h
    mips64n32:6000:mips/asm/unistd_n32.h
    ppc:0:powerpc/asm/unistd_32.h
    ppc64:0:powerpc/asm/unistd_64.h
    s390x:0:s390/asm/unistd_64.h
    parisc:0:parisc/asm/unistd_32.h
    parisc64:0:parisc/asm/unistd_64.h
    m68k:0:m68k/asm/unistd_32.h
    sh:0:sh/asm/unistd_32.h
)

# numbers: lines `column name number`.
numbers() {
    local column base parts file
    for column in "${!columns[@]}"; do
        IFS=: read -ra parts <<<"${columns[column]}"
        base=${parts[1]}
        for file in "${parts[@]:2}"; do
            awk -v column="$column" -v base="$base" '
                # A call of its own that 32-bit ARM has beside the numbered ones: 0xf0000 and above.
                $2 ~ /^__ARM_NR_[a-z]/ {
                    sub(/^__ARM_NR_/, "", $2); gsub(/[^0-9+]/, "", $3); sub(/^\+/, "", $3)
                    print column, $2, 61440 + $3
                    next
                }
                $1 == "#define" && $2 ~ /^__NR_[a-z_]/ && $2 !~ /^__NR_(syscalls|arch_specific_syscall)$/ {
                    name = $2; sub(/^__NR_/, "", name)
                    $1 = $2 = ""
                    # `5`, or `(__NR_Linux + 5)`.
                    if ($0 ~ /[A-Z]/) offset = base; else offset = 0
                    gsub(/.*\+|[^0-9]/, "")
                    if ($0 != "") print column, name, offset + $0
                }' "$headers/$file"
        done
    done
}

table=$repo/runtime/src/plan/seccomp/syscalls.in
{
    echo "// System calls by name: their numbers in the columns of syscalls.rs. Linux $version, by scripts/syscalls.sh."
    echo "["
    numbers | LC_ALL=C sort -k2,2 -s | awk -v columns="${#columns[@]}" '
        function flush(  i, line) {
            if (name == "") return
            for (i = 0; i < columns; i++) line = line (i ? "," : "") (i in number ? number[i] : "A")
            printf "(\"%s\",[%s]),\n", name, line
            delete number
        }
        $2 != name { flush(); name = $2 }
        { number[$1] = $3 }
        END { flush() }'
    echo "]"
} >"$table"
good "$(grep -c '^("' "$table") names of Linux $version in ${table#"$repo/"}"
