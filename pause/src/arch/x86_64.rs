//! x86-64: the entry point, the system call instruction and the numbers of the calls.

use core::arch::{asm, naked_asm};

pub(super) mod number {
    pub(crate) const WRITE: usize = 1;
    pub(crate) const RT_SIGPROCMASK: usize = 14;
    pub(crate) const MADVISE: usize = 28;
    pub(crate) const GETPID: usize = 39;
    pub(crate) const WAIT4: usize = 61;
    pub(crate) const RT_SIGTIMEDWAIT: usize = 128;
    pub(crate) const PRCTL: usize = 157;
    pub(crate) const EXIT_GROUP: usize = 231;
}

/// Where the kernel starts the program: on the stack are the number of its arguments, pointers to
/// them and a null pointer. Their strings follow further up, the program's name first.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    naked_asm!(
        "mov rbx, [rsp + 16]", // the first argument
        "mov rdi, rsp",
        "mov rsp, [rsp + 8]", // the name: the lowest of the strings
        "and rsp, -16",
        "mov rsi, rsp",
        // madvise(page of the old stack, up to the page of the new, MADV_DONTNEED)
        "and rdi, -0x1000",
        "and rsi, -0x1000",
        "sub rsi, rdi",
        "mov edx, {dontneed}",
        "mov eax, {madvise}",
        "syscall",
        "mov rdi, rbx",
        "call {start}",
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
    // SAFETY: the instruction changes rax, rcx and r11, and memory as the caller has vouched for.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}
