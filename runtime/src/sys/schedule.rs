//! How the kernel treats a process: which processors it runs on and how soon, where its memory is,
//! and which system it pretends to be.

use super::error::{Result, check};

/// `struct sched_attr` of `sched_setattr(2)`, in its first version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Attributes {
    pub(crate) size: u32,
    pub(crate) policy: u32,
    pub(crate) flags: u64,
    pub(crate) nice: i32,
    pub(crate) priority: u32,
    /// In nanoseconds, as those that follow.
    pub(crate) runtime: u64,
    pub(crate) deadline: u64,
    pub(crate) period: u64,
}

/// `SCHED_ATTR_SIZE_VER0`: what Linux 3.14 takes, and every later one.
#[expect(clippy::cast_possible_truncation, reason = "48")]
pub(crate) const ATTRIBUTES_SIZE: u32 = size_of::<Attributes>() as u32;

/// Sets the scheduling policy of the process `pid`.
pub(crate) fn sched_setattr(pid: i32, attributes: &Attributes) -> Result<()> {
    // SAFETY: the kernel reads as many bytes as `size` in `attributes` says, which is its own.
    let returned =
        unsafe { libc::syscall(libc::SYS_sched_setattr, pid, std::ptr::from_ref(attributes), 0) };
    check(returned, "sched_setattr", format_args!("{pid}, {attributes:?}")).map(drop)
}

/// Sets the priority of the process `pid` for input and output: `class << 13 | priority`.
pub(crate) fn ioprio_set(pid: i32, priority: u32) -> Result<()> {
    const IOPRIO_WHO_PROCESS: libc::c_int = 1;
    // SAFETY: only numbers are passed.
    let returned =
        unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, priority) };
    check(returned, "ioprio_set", format_args!("{pid}, {priority:#x}")).map(drop)
}

/// A bit for each processor, or for each node of memory.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bits([u64; Bits::WORDS]);

impl Bits {
    const WORDS: usize = 128;

    /// One more than the highest number that has a bit: `CONFIG_NR_CPUS` of x86 ends there.
    pub(crate) const END: usize = Self::WORDS * 64;

    pub(crate) const NONE: Self = Self([0; Self::WORDS]);
    pub(crate) const ALL: Self = Self([u64::MAX; Self::WORDS]);

    /// Sets the bit `number`, which is below [`END`](Self::END).
    pub(crate) fn set(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// The numbers that have a bit, in rising order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = usize> {
        let is_set = |number: &usize| self.0[number / 64] & (1 << (number % 64)) != 0;
        (0..Self::END).filter(is_set)
    }
}

impl std::fmt::Debug for Bits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Self::ALL {
            return f.write_str("all");
        }
        f.debug_set().entries(self.numbers()).finish()
    }
}

/// Lets the process `pid` run on these processors, as far as its cpuset has them.
pub(crate) fn sched_setaffinity(pid: i32, processors: &Bits) -> Result<()> {
    let (bits, size) = (processors.0.as_ptr(), size_of_val(&processors.0));
    // SAFETY: the kernel reads at most `size` bytes, which is what `bits` points to.
    let returned = unsafe { libc::syscall(libc::SYS_sched_setaffinity, pid, size, bits) };
    check(returned, "sched_setaffinity", format_args!("{pid}, {processors:?}")).map(drop)
}

/// Where the memory of this process is to be: a mode with its flags, and nodes.
pub(crate) fn set_mempolicy(mode: u32, nodes: &Bits) -> Result<()> {
    // One bit fewer than it is told of is what the kernel reads (`get_nodes` in mm/mempolicy.c).
    let (bits, most) = match nodes.is_empty() {
        true => (std::ptr::null(), 0),
        false => (nodes.0.as_ptr(), Bits::END + 1),
    };
    // SAFETY: the kernel reads `Bits::END` bits, which is what `bits` points to, or none.
    let returned = unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, bits, most) };
    check(returned, "set_mempolicy", format_args!("{mode:#x}, {nodes:?}")).map(drop)
}

/// Lets this process see the system as `domain` of personality(2).
pub(crate) fn personality(domain: u32) -> Result<()> {
    // SAFETY: only a number is passed.
    let returned = unsafe { libc::personality(libc::c_ulong::from(domain)) };
    check(returned.into(), "personality", format_args!("{domain:#x}")).map(drop)
}
