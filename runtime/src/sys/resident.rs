//! What a resident process needs that the others do not: stream sockets, a session of its own.

use super::error::{Result, check, explain};
use super::fork::trim_memory;
use super::{file, identity, process};
use nix::fcntl::OFlag;
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr, sockopt};
use nix::sys::stat::Mode;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Connects to the stream socket at `path` without waiting. What comes out never blocks either.
///
/// # Errors
///
/// As connect(2) has them: `ENOENT` or `ECONNREFUSED` if nobody listens there, `EAGAIN` if whoever
/// does has too many connections to accept.
pub fn connect(path: &Path) -> Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let made = socket::socket(AddressFamily::Unix, SockType::Stream, flags, None);
    let stream = explain(made, "socket", format_args!("AF_UNIX, SOCK_STREAM"))?;
    let address = UnixAddr::new(path);
    let connected = address.and_then(|at| socket::connect(stream.as_raw_fd(), &at));
    explain(connected, "connect", format_args!("{}", path.display()))?;
    Ok(stream.into())
}

/// Whether the process that connected is of the same user as this one.
///
/// # Errors
///
/// As getsockopt(2) has them.
pub fn is_ours(stream: BorrowedFd<'_>) -> Result<bool> {
    let credentials = socket::getsockopt(&stream, sockopt::PeerCredentials);
    let context = format_args!("{}, SO_PEERCRED", stream.as_raw_fd());
    Ok(explain(credentials, "getsockopt", context)?.uid() == file::effective_uid())
}

/// Makes this process the leader of a session of its own, with no terminal and in a process group
/// of its own.
///
/// # Errors
///
/// `EPERM` if it is the leader of a process group already.
pub fn new_session() -> Result<()> {
    process::setsid()
}

/// Makes this process the parent of its descendants whose own parents end.
///
/// # Errors
///
/// As prctl(2) has them.
pub fn adopt_orphans() -> Result<()> {
    process::set_child_subreaper()
}

/// Closes whatever this process was started with, but its stdio.
///
/// Only at its start: nothing else of it may be open yet.
///
/// # Errors
///
/// As the kernel has them.
pub fn close_inherited() -> Result<()> {
    const FIRST: i32 = 3;
    file::close_all_but(FIRST, &mut [])
}

/// Gives back what a process need not hold on to while it waits: memory that the allocator has
/// free, and the pages of its program. Those stay in the page cache, and come back one by one when
/// they are needed: a wait that has just begun costs some 0.1 ms at its end.
pub fn rest() {
    unsafe extern "C" {
        // The linker's: where the program begins in memory, and where its instructions end.
        static __executable_start: u8;
        static etext: u8;
    }
    trim_memory();
    let (start, end) = (&raw const __executable_start, &raw const etext);
    let start = start.cast_mut();
    // Whole pages, lest the next mapping's first one be among them: that is data.
    let length = (end.addr() - start.addr()) & !(PAGE - 1);
    // SAFETY: constants and instructions of a program that is not relocated (.cargo/config.toml):
    // nobody has written to these pages, so the file has what is in them.
    let _dropped =
        unsafe { libc::madvise(start.cast::<libc::c_void>(), length, libc::MADV_DONTNEED) };
}

const PAGE: usize = 4096;

/// Names this process, for `ps`: at most 15 bytes.
///
/// # Errors
///
/// As prctl(2) has them.
pub fn set_name(name: &CStr) -> Result<()> {
    identity::set_name(name)
}

/// Opens the fifo at `path` so that nothing ever waits for its other end: for reading and writing,
/// and never blocking.
///
/// # Errors
///
/// As open(2) has them.
pub fn open_fifo(path: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let opened = nix::fcntl::open(path, flags, Mode::empty());
    explain(opened, "open", format_args!("{}, O_RDWR | O_NONBLOCK", path.display()))
}

/// Gives this process group a cookie of its own: from now on no core runs its threads, and those of
/// its descendants, beside those of others (Documentation/admin-guide/hw-vuln/core-scheduling.rst).
///
/// # Errors
///
/// `EINVAL` if the kernel cannot do that, `ENODEV` if no core has two threads.
pub fn new_core_cookie() -> Result<()> {
    let create = libc::c_ulong::from(libc::PR_SCHED_CORE_CREATE.cast_unsigned());
    let group = libc::c_ulong::from(libc::PR_SCHED_CORE_SCOPE_PROCESS_GROUP.cast_unsigned());
    let (this, nowhere): (libc::c_ulong, libc::c_ulong) = (0, 0);
    // SAFETY: creating a cookie reads and writes no memory of this process.
    let returned = unsafe { libc::prctl(libc::PR_SCHED_CORE, create, this, group, nowhere) };
    check(returned.into(), "prctl", format_args!("PR_SCHED_CORE, PR_SCHED_CORE_CREATE")).map(drop)
}

/// Puts a copy of `file` in the place of standard input.
///
/// # Errors
///
/// As dup2(2) has them.
pub fn replace_input(file: BorrowedFd<'_>) -> Result<()> {
    explain(nix::unistd::dup2_stdin(file), "dup2", format_args!("{}, 0", file.as_raw_fd()))
}

/// Puts copies of `file` in the places of standard output and error.
///
/// # Errors
///
/// As dup2(2) has them.
pub fn replace_output(file: BorrowedFd<'_>) -> Result<()> {
    explain(nix::unistd::dup2_stdout(file), "dup2", format_args!("{}, 1", file.as_raw_fd()))?;
    explain(nix::unistd::dup2_stderr(file), "dup2", format_args!("{}, 2", file.as_raw_fd()))
}
