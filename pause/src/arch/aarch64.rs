//! `AArch64`: the entry point, the system call instruction and the numbers of the calls.
//!
//! Tested under qemu-user alone, which emulates signals itself and has its own memory: on a real
//! machine, forged signals and the pages in use are yet to be seen.

use core::arch::{asm, naked_asm};

pub(super) mod number {
    pub(crate) const WRITE: usize = 64;
    pub(crate) const EXIT_GROUP: usize = 94;
    pub(crate) const RT_SIGPROCMASK: usize = 135;
    pub(crate) const RT_SIGTIMEDWAIT: usize = 137;
    pub(crate) const PRCTL: usize = 167;
    pub(crate) const GETPID: usize = 172;
    pub(crate) const MADVISE: usize = 233;
    pub(crate) const WAIT4: usize = 260;
}

/// Where the kernel starts the program: on the stack are the number of its arguments, pointers to
/// them and a null pointer. Their strings follow further up, the program's name first.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    naked_asm!(
        "ldr x19, [sp, 16]", // the first argument
        "mov x0, sp",
        "ldr x1, [sp, 8]", // the name: the lowest of the strings
        "and x1, x1, -16",
        "mov sp, x1",
        // madvise(page of the old stack, up to the page of the new, MADV_DONTNEED), by the largest
        // of the page sizes that a kernel may have
        "and x0, x0, -0x10000",
        "and x1, x1, -0x10000",
        "sub x1, x1, x0",
        "mov x2, {dontneed}",
        "mov x8, {madvise}",
        "svc 0",
        "mov x0, x19",
        "bl {start}",
        dontneed = const super::MADV_DONTNEED,
        madvise = const number::MADVISE,
        start = sym super::start,
    )
}

/// Makes a system call and returns what the kernel returns.
///
/// # Safety
///
/// The kernel must do nothing unsound when it is called like this.
pub(super) unsafe fn syscall(number: usize, [a, b, c, d]: [usize; 4]) -> isize {
    let result;
    // SAFETY: the instruction changes x0, and memory as the caller has vouched for.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            options(nostack),
        );
    }
    result
}
