//! Seccomp filters.

use super::error::{Error, Result, check};
use nix::errno::Errno;

/// One instruction of a filter, as the kernel takes it.
pub(crate) type Instruction = libc::sock_filter;

/// The calls that pause makes, and the one that it comes into being by.
pub(crate) const PAUSE_CALLS: [libc::c_long; 9] = [
    libc::SYS_execveat,
    libc::SYS_madvise,
    libc::SYS_rt_sigprocmask,
    libc::SYS_prctl,
    libc::SYS_getpid,
    libc::SYS_write,
    libc::SYS_wait4,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_exit_group,
];

/// Loads `filter` for this process. It needs `no_new_privs`, or `CAP_SYS_ADMIN` in its
/// user namespace.
pub(crate) fn set_filter(filter: &[Instruction]) -> Result<()> {
    let too_long =
        |_| Error::new("seccomp", format_args!("{} instructions", filter.len()), Errno::EINVAL);
    let program = libc::sock_fprog {
        len: filter.len().try_into().map_err(too_long)?,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel reads `len` instructions from `filter`, which outlives the call, and
    // never writes there.
    let returned = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program)
    };
    check(returned, "seccomp", format_args!("SECCOMP_SET_MODE_FILTER")).map(drop)
}
