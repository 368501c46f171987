//! Architectures: what the kernel calls them, and how wide their arguments are.

use super::syscalls::{self, Row};
use oci_spec::runtime::Arch;

/// A set of system calls by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Architecture {
    /// `AUDIT_ARCH_*` of include/uapi/linux/audit.h, which a filter sees.
    pub(super) audit: u32,
    /// Added to each number of x32, which has no audit number of its own.
    pub(super) bit: u32,
    pub(super) width: Width,
    is_little_endian: bool,
    column: usize,
}

/// How much of an argument counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Bits32,
    Bits64,
}

/// `__X32_SYSCALL_BIT` of x86's asm/unistd.h.
pub(super) const X32_BIT: u32 = 0x4000_0000;

pub(super) const AUDIT_X86_64: u32 = 0xc000_003e;
const AUDIT_ARM: u32 = 0x4000_0028;

/// `__AUDIT_ARCH_64BIT` of include/uapi/linux/audit.h, and its neighbours.
const AUDIT_64BIT: u32 = 0x8000_0000;
const AUDIT_LITTLE_ENDIAN: u32 = 0x4000_0000;
const AUDIT_MIPS64_N32: u32 = 0x2000_0000;

/// The architecture that this program is of.
#[cfg(target_arch = "x86_64")]
const NATIVE: Arch = Arch::ScmpArchX86_64;
#[cfg(target_arch = "aarch64")]
const NATIVE: Arch = Arch::ScmpArchAarch64;

impl Architecture {
    /// The architecture of a profile, if there is a table of its system calls.
    pub(super) fn of(arch: Arch) -> Option<Self> {
        let arch = if arch == Arch::ScmpArchNative { NATIVE } else { arch };
        let is_x32 = arch == Arch::ScmpArchX32;
        // oci-spec's numbers are the kernel's, but for x32.
        let audit = if is_x32 { AUDIT_X86_64 } else { arch as u32 };
        // The registers of x32 and n32 are wide, but their arguments are those of 32 bits.
        let is_wide = audit & AUDIT_64BIT != 0 && audit & AUDIT_MIPS64_N32 == 0 && !is_x32;
        Some(Self {
            audit,
            bit: if is_x32 { X32_BIT } else { 0 },
            width: if is_wide { Width::Bits64 } else { Width::Bits32 },
            is_little_endian: audit & AUDIT_LITTLE_ENDIAN != 0,
            column: column(arch)?,
        })
    }

    /// The architectures of a profile, which always has that of this program, and has it first.
    /// `Err` is one that there is no table of.
    pub(super) fn all(profile: &[Arch]) -> Result<Vec<Self>, Arch> {
        let mut found = Vec::new();
        for &arch in [NATIVE].iter().chain(profile) {
            let one = Self::of(arch).ok_or(arch)?;
            if !found.contains(&one) {
                found.push(one);
            }
        }
        Ok(found)
    }

    /// The number of a system call, if this architecture has it.
    pub(super) fn number(&self, row: &Row) -> Option<u32> {
        syscalls::number(row, self.column).map(|number| number | self.bit)
    }

    /// Whether it has calls from [`ARM_PRIVATE`](syscalls::ARM_PRIVATE) on, which are as old as it.
    pub(super) fn has_private_calls(&self) -> bool {
        self.audit == AUDIT_ARM
    }

    /// Where the lower half of an argument is in `struct seccomp_data`.
    pub(super) fn offset_of_low(&self, argument: u32) -> u32 {
        OFFSET_ARGUMENTS + 8 * argument + if self.is_little_endian { 0 } else { 4 }
    }

    /// Where the upper half is.
    pub(super) fn offset_of_high(&self, argument: u32) -> u32 {
        OFFSET_ARGUMENTS + 8 * argument + if self.is_little_endian { 4 } else { 0 }
    }
}

/// `struct seccomp_data` of include/uapi/linux/seccomp.h.
const OFFSET_ARGUMENTS: u32 = 16;

/// The column of the table. scripts/syscalls.sh has them in this order.
fn column(arch: Arch) -> Option<usize> {
    Some(match arch {
        Arch::ScmpArchX86_64 => 0,
        Arch::ScmpArchX86 => 1,
        Arch::ScmpArchX32 => 2,
        Arch::ScmpArchAarch64 => 3,
        Arch::ScmpArchArm => 4,
        Arch::ScmpArchRiscv64 => 5,
        Arch::ScmpArchLoongarch64 => 6,
        Arch::ScmpArchMips | Arch::ScmpArchMipsel => 7,
        Arch::ScmpArchMips64 | Arch::ScmpArchMipsel64 => 8,
        Arch::ScmpArchMips64n32 | Arch::ScmpArchMipsel64n32 => 9,
        Arch::ScmpArchPpc => 10,
        Arch::ScmpArchPpc64 | Arch::ScmpArchPpc64le => 11,
        Arch::ScmpArchS390x => 12,
        Arch::ScmpArchParisc => 13,
        Arch::ScmpArchParisc64 => 14,
        Arch::ScmpArchM68k => 15,
        Arch::ScmpArchSh | Arch::ScmpArchSheb => 16,
        // Linux dropped its 31-bit programs, and with them their table.
        Arch::ScmpArchS390 | Arch::ScmpArchNative => return None,
    })
}
