//! Unix sockets of the kind SEQPACKET: packets keep their bounds, and a dead peer is
//! an end of file.

use super::error::{Result, check, explain};
use super::file::owned;
use nix::errno::Errno;
use nix::sys::socket::{
    self, AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag,
    SockType, UnixAddr, sockopt,
};
use std::ffi::CStr;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

const FLAGS: SockFlag = SockFlag::SOCK_CLOEXEC;

pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd)> {
    let kind = SockType::SeqPacket;
    let made = socket::socketpair(AddressFamily::Unix, kind, None, FLAGS);
    explain(made, "socketpair", format_args!("AF_UNIX, SOCK_SEQPACKET"))
}

/// Makes the socket tell who sent each packet, as this process's PID namespace sees it.
pub(crate) fn pass_credentials(socket: BorrowedFd<'_>) -> Result<()> {
    let set = socket::setsockopt(&socket, sockopt::PassCred, &true);
    explain(set, "setsockopt", format_args!("{}, SO_PASSCRED", socket.as_raw_fd()))
}

/// A socket that listens at `path`, which must not be there yet.
pub(crate) fn listen(path: &Path) -> Result<OwnedFd> {
    let socket = unconnected()?;
    let address = UnixAddr::new(path);
    let bound = address.and_then(|at| socket::bind(socket.as_raw_fd(), &at));
    explain(bound, "bind", format_args!("{}", path.display()))?;
    let listening = socket::listen(&socket, Backlog::MAXALLOWABLE);
    explain(listening, "listen", format_args!("{}", path.display()))?;
    Ok(socket)
}

/// Connects to the listener at `path`; `None` if nobody listens there any more.
pub(crate) fn connect(path: &Path) -> Result<Option<OwnedFd>> {
    let socket = unconnected()?;
    let address = UnixAddr::new(path);
    match address.and_then(|at| socket::connect(socket.as_raw_fd(), &at)) {
        Err(Errno::ECONNREFUSED | Errno::ENOENT) => Ok(None),
        connected => {
            explain(connected, "connect", format_args!("{}", path.display()))?;
            Ok(Some(socket))
        }
    }
}

/// Connects to the stream socket at `path`.
pub(crate) fn connect_stream(path: &Path) -> Result<OwnedFd> {
    let made = socket::socket(AddressFamily::Unix, SockType::Stream, FLAGS, None);
    let socket = explain(made, "socket", format_args!("AF_UNIX, SOCK_STREAM"))?;
    let address = UnixAddr::new(path);
    let connected = address.and_then(|at| socket::connect(socket.as_raw_fd(), &at));
    explain(connected, "connect", format_args!("{}", path.display()))?;
    Ok(socket)
}

/// Sends a descriptor, and what it is called.
pub(crate) fn send_descriptor(
    socket: BorrowedFd<'_>,
    name: &CStr,
    fd: BorrowedFd<'_>,
) -> Result<()> {
    let name = [IoSlice::new(name.to_bytes())];
    let descriptors = [fd.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let number = socket.as_raw_fd();
    let sent = socket::sendmsg::<()>(number, &name, &rights, MsgFlags::MSG_NOSIGNAL, None);
    explain(sent, "sendmsg", format_args!("{number}, SCM_RIGHTS")).map(drop)
}

fn unconnected() -> Result<OwnedFd> {
    let made = socket::socket(AddressFamily::Unix, SockType::SeqPacket, FLAGS, None);
    explain(made, "socket", format_args!("AF_UNIX, SOCK_SEQPACKET"))
}

/// Waits for the next connection.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> Result<OwnedFd> {
    loop {
        match socket::accept4(listener.as_raw_fd(), FLAGS) {
            Err(Errno::EINTR | Errno::ECONNABORTED) => {}
            accepted => {
                let fd = explain(accepted, "accept4", format_args!("{}", listener.as_raw_fd()))?;
                return Ok(owned(fd.into()));
            }
        }
    }
}

/// Sends one packet. A peer that is gone is an error (`EPIPE`), never a signal.
pub(crate) fn send(socket: BorrowedFd<'_>, packet: &[u8]) -> Result<()> {
    let fd = socket.as_raw_fd();
    // nix's call of the same name is as good, but keeps no promise about allocations; init
    // depends on that.
    // SAFETY: the kernel reads `packet.len()` bytes from `packet`.
    let returned =
        unsafe { libc::send(fd, packet.as_ptr().cast(), packet.len(), libc::MSG_NOSIGNAL) };
    check(returned as libc::c_long, "send", format_args!("{fd}, {} bytes", packet.len())).map(drop)
}

/// Waits for one packet, and says how long it is: 0 when the peer is gone.
pub(crate) fn recv(socket: BorrowedFd<'_>, packet: &mut [u8]) -> Result<usize> {
    let fd = socket.as_raw_fd();
    loop {
        // SAFETY: the kernel writes at most `packet.len()` bytes into `packet`.
        let returned = unsafe { libc::recv(fd, packet.as_mut_ptr().cast(), packet.len(), 0) };
        match check(returned as libc::c_long, "recv", format_args!("{fd}")) {
            Err(error) if error.errno() == Errno::EINTR => {}
            // A peer that was killed with a packet of ours unread resets the connection.
            Err(error) if error.errno() == Errno::ECONNRESET => return Ok(0),
            result => return Ok(usize::try_from(result?).unwrap_or(0)),
        }
    }
}

/// Waits for one packet, and for the process id of its sender as this process's PID
/// namespace sees it.
pub(crate) fn recv_from_process(socket: BorrowedFd<'_>, packet: &mut [u8]) -> Result<(usize, i32)> {
    let mut control = nix::cmsg_space!(libc::ucred);
    let mut slices = [IoSliceMut::new(packet)];
    loop {
        let received = socket::recvmsg::<()>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::empty(),
        );
        match received {
            Err(Errno::EINTR) => {}
            Err(Errno::ECONNRESET) => return Ok((0, 0)),
            received => {
                let context = format_args!("{}", socket.as_raw_fd());
                let message = explain(received, "recvmsg", context)?;
                let pid = explain(message.cmsgs(), "recvmsg", context)?
                    .find_map(|part| match part {
                        ControlMessageOwned::ScmCredentials(sender) => Some(sender.pid()),
                        _ => None,
                    })
                    .unwrap_or(0);
                return Ok((message.bytes, pid));
            }
        }
    }
}
