//! Seccomp filters.

use super::error::{Error, Result, check};
use super::file::owned;
use nix::errno::Errno;
use std::os::fd::OwnedFd;

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

// include/uapi/linux/seccomp.h: `SECCOMP_FILTER_FLAG_*`.
pub(crate) const FLAG_LOG: u32 = 1 << 1;
pub(crate) const FLAG_SPEC_ALLOW: u32 = 1 << 2;
const FLAG_NEW_LISTENER: u32 = 1 << 3;
pub(crate) const FLAG_WAIT_KILLABLE_RECV: u32 = 1 << 5;

/// Loads `filter` for this process. It needs `no_new_privs`, or `CAP_SYS_ADMIN` in its
/// user namespace.
pub(crate) fn set_filter(filter: &[Instruction], flags: u32) -> Result<()> {
    load(filter, flags).map(drop)
}

/// The same for a filter that notifies: answers with the descriptor where it does.
pub(crate) fn set_notifying_filter(filter: &[Instruction], flags: u32) -> Result<OwnedFd> {
    load(filter, flags | FLAG_NEW_LISTENER).map(owned)
}

fn load(filter: &[Instruction], flags: u32) -> Result<libc::c_long> {
    let too_long =
        |_| Error::new("seccomp", format_args!("{} instructions", filter.len()), Errno::EINVAL);
    let program = libc::sock_fprog {
        len: filter.len().try_into().map_err(too_long)?,
        filter: filter.as_ptr().cast_mut(),
    };
    let operation = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: the kernel reads `len` instructions from `filter`, which outlives the call, and
    // never writes there.
    let returned =
        unsafe { libc::syscall(libc::SYS_seccomp, operation, flags, &raw const program) };
    check(returned, "seccomp", format_args!("SECCOMP_SET_MODE_FILTER, {flags:#x}"))
}
