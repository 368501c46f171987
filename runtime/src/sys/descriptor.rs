//! Descriptors by their numbers: those that a program finds open, and copies of them.

use super::error::{Result, explain};
use super::file::{OFlag, owned};
use nix::fcntl::FcntlArg;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// stdin, stdout and stderr. They are always open: at its start the standard library opens the null
/// device where they are not, and nobody closes them while a program runs that has them.
pub(crate) fn stdio() -> [BorrowedFd<'static>; 3] {
    // SAFETY: as said above, these descriptors are open as long as anybody can ask for them.
    [0, 1, 2].map(|number| unsafe { BorrowedFd::borrow_raw(number) })
}

/// Whether the caller of this program left the descriptor `number` open for it: what this program
/// opens itself is closed by execve.
pub(crate) fn is_inherited(number: RawFd) -> bool {
    // SAFETY: F_GETFD takes any number, and tells about those that are not open.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    flags >= 0 && flags & libc::FD_CLOEXEC == 0
}

/// Another descriptor of the same open file.
pub(crate) fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    let number = nix::fcntl::fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(0));
    let number = explain(number, "fcntl", format_args!("{}, F_DUPFD_CLOEXEC", fd.as_raw_fd()))?;
    Ok(owned(number.into()))
}

/// Lets reading and writing fail where they would wait.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> Result<()> {
    let set = nix::fcntl::fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    explain(set, "fcntl", format_args!("{}, F_SETFL, O_NONBLOCK", fd.as_raw_fd())).map(drop)
}
