//! Pipes and fifos: what a program writes, on its way to whoever reads it.

use super::error::{Result, explain};
use super::file::{self, OFlag};
use super::{descriptor, socket, terminal};
use nix::errno::Errno;
use nix::fcntl::FcntlArg;
use nix::unistd::{Gid, Uid};
use std::ffi::CString;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The two ends of a pipe.
#[derive(Debug)]
pub struct Pipe {
    /// Where it is read.
    pub reader: OwnedFd,
    /// Where it is written.
    pub writer: OwnedFd,
}

/// Which end of a fifo is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// To be read: it comes to its end when nobody writes any more.
    Reader,
    /// To be written, while somebody reads.
    Writer,
    /// Both: what is written waits for a reader, who may come and go.
    Both,
}

/// Makes a pipe that belongs to `owner`, and neither end of which is inherited by programs.
///
/// # Errors
///
/// `EMFILE`, `ENFILE`.
pub fn pipe(owner: Option<(u32, u32)>) -> Result<Pipe> {
    let (reader, writer) =
        explain(nix::unistd::pipe2(OFlag::O_CLOEXEC), "pipe2", format_args!("O_CLOEXEC"))?;
    if let Some((uid, gid)) = owner {
        // Both ends are of one inode.
        let changed =
            nix::unistd::fchown(&reader, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        explain(changed, "fchown", format_args!("a pipe, {uid}:{gid}"))?;
    }
    Ok(Pipe { reader, writer })
}

/// Lets reading and writing fail where they would wait.
///
/// # Errors
///
/// None that is known.
pub fn set_nonblocking(fd: BorrowedFd<'_>) -> Result<()> {
    descriptor::set_nonblocking(fd)
}

/// Asks for a pipe that holds `bytes`. That it cannot be is fine.
pub fn enlarge(pipe: BorrowedFd<'_>, bytes: i32) {
    // EPERM: a user has only so much.
    let _ = nix::fcntl::fcntl(pipe, FcntlArg::F_SETPIPE_SZ(bytes));
}

/// Opens a fifo, and never waits for its other end.
///
/// # Errors
///
/// `ENXIO` if it is opened for writing, and nobody reads; `ENOENT`.
pub fn open_fifo(path: &Path, end: End) -> Result<OwnedFd> {
    let mode = match end {
        End::Reader => OFlag::O_RDONLY,
        End::Writer => OFlag::O_WRONLY,
        End::Both => OFlag::O_RDWR,
    };
    file::open(&c_path(path)?, mode | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
}

/// A pair of connected sockets that keep the bounds of packets.
///
/// # Errors
///
/// `EMFILE`, `ENFILE`.
pub fn packets() -> Result<(OwnedFd, OwnedFd)> {
    socket::pair()
}

/// Sends a packet, perhaps with a descriptor.
///
/// # Errors
///
/// `EPIPE` if nobody receives any more.
pub fn send(socket: BorrowedFd<'_>, packet: &[u8], fd: Option<BorrowedFd<'_>>) -> Result<()> {
    match fd {
        Some(fd) => socket::send_with_descriptor(socket, packet, fd),
        None => socket::send(socket, packet),
    }
}

/// Waits for a packet; says how long it is, 0 when there will be none, and what came with it.
///
/// # Errors
///
/// None that is known.
pub fn receive(socket: BorrowedFd<'_>, packet: &mut [u8]) -> Result<(usize, Option<OwnedFd>)> {
    match socket::recv_from_process(socket, packet) {
        Err(error) if error.errno() == Errno::ECONNRESET => Ok((0, None)),
        received => received.map(|received| (received.len, received.descriptor)),
    }
}

/// Sets the size of a terminal, and tells the programs on it.
///
/// # Errors
///
/// `ENOTTY`.
pub fn resize(terminal: BorrowedFd<'_>, columns: u16, rows: u16) -> Result<()> {
    terminal::set_size(terminal, terminal::Size { rows, columns })
}

/// Another descriptor of the same open file.
///
/// # Errors
///
/// `EMFILE`.
pub fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    descriptor::duplicate(fd)
}

/// Whether a descriptor is that of a terminal.
#[must_use]
pub fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    terminal::is_terminal(fd)
}

fn c_path(path: &Path) -> Result<CString> {
    let bytes = path.as_os_str().as_bytes();
    CString::new(bytes).map_err(|_| {
        let text = format_args!("{}", path.display());
        super::Error::new("open", text, Errno::EINVAL)
    })
}
