//! x86-64: the entry point, and the system call instruction.

use std::arch::{asm, naked_asm};

unsafe extern "C" {
    /// Where libc starts.
    fn _start() -> !;
}

/// Where the kernel starts the program. The stack and rdx are libc's to find as they are.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn peapod_start() -> ! {
    naked_asm!(
        "mov rbx, rsp",
        "mov r12, rdx",
        "mov rdi, rsp",
        "and rsp, -16",
        "call {before_libc}",
        "mov rdx, r12",
        "mov rsp, rbx",
        "jmp {start}",
        before_libc = sym super::before_libc,
        start = sym _start,
    )
}

/// Makes a system call and returns what the kernel returns.
///
/// # Safety
///
/// The kernel must do nothing unsound when it is called like this.
pub(super) unsafe fn syscall(number: libc::c_long, [a, b, c, d, e]: [usize; 5]) -> isize {
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
            in("r8") e,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}
