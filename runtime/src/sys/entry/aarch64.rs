//! `AArch64`: the entry point, and the system call instruction. Not tested on hardware.

use std::arch::{asm, naked_asm};

unsafe extern "C" {
    /// Where libc starts.
    fn _start() -> !;
}

/// Where the kernel starts the program. The stack and x0 are libc's to find as they are.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn peapod_start() -> ! {
    naked_asm!(
        "mov x19, sp",
        "mov x20, x0",
        "mov x0, sp",
        "bl {before_libc}",
        "mov x0, x20",
        "mov sp, x19",
        "b {start}",
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
    // SAFETY: the instruction changes x0, and memory as the caller has vouched for.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            in("x4") e,
            options(nostack),
        );
    }
    result
}
