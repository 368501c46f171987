//! Unix sockets of the kind SEQPACKET: packets keep their bounds, and a dead peer is
//! an end of file.

use super::error::{Result, check, explain};
use super::file::owned;
use nix::errno::Errno;
use nix::sys::socket::{
    self, AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag,
    SockType, UnixAddr, sockopt,
};
use std::ffi::OsStr;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
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

/// Sends a descriptor, and what is to be said of it.
pub(crate) fn send_descriptor(
    socket: BorrowedFd<'_>,
    text: &[u8],
    fd: BorrowedFd<'_>,
) -> Result<()> {
    let parts = [IoSlice::new(text)];
    let descriptors = [fd.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let number = socket.as_raw_fd();
    let sent = socket::sendmsg::<()>(number, &parts, &rights, MsgFlags::MSG_NOSIGNAL, None);
    let cut = Err(Errno::EMSGSIZE);
    let sent = sent.and_then(|sent| if sent == text.len() { Ok(()) } else { cut });
    explain(sent, "sendmsg", format_args!("{number}, SCM_RIGHTS"))
}

/// A socket at `path`, which must not be there yet, that datagrams are sent to.
pub(crate) fn bind_datagram(path: &Path) -> Result<OwnedFd> {
    let socket = datagram()?;
    let bound = UnixAddr::new(path).and_then(|at| socket::bind(socket.as_raw_fd(), &at));
    explain(bound, "bind", format_args!("{}", path.display()))?;
    Ok(socket)
}

/// A socket whose datagrams go to `path`; one that begins with `@` is abstract.
pub(crate) fn connect_datagram(path: &OsStr) -> Result<OwnedFd> {
    let socket = datagram()?;
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => UnixAddr::new_abstract(name),
        None => UnixAddr::new(path),
    };
    let connected = address.and_then(|at| socket::connect(socket.as_raw_fd(), &at));
    explain(connected, "connect", format_args!("{}", path.display()))?;
    Ok(socket)
}

fn datagram() -> Result<OwnedFd> {
    let made = socket::socket(AddressFamily::Unix, SockType::Datagram, FLAGS, None);
    explain(made, "socket", format_args!("AF_UNIX, SOCK_DGRAM"))
}

/// A packet that is there already, or `EAGAIN`.
pub(crate) fn recv_now(socket: BorrowedFd<'_>, packet: &mut [u8]) -> Result<usize> {
    let received = socket::recv(socket.as_raw_fd(), packet, MsgFlags::MSG_DONTWAIT);
    explain(received, "recv", format_args!("{}, MSG_DONTWAIT", socket.as_raw_fd()))
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

/// Sends one packet with a descriptor. It allocates nothing.
pub(crate) fn send_with_descriptor(
    socket: BorrowedFd<'_>,
    packet: &[u8],
    descriptor: BorrowedFd<'_>,
) -> Result<()> {
    let fd = socket.as_raw_fd();
    let mut control = OneDescriptor {
        header: libc::cmsghdr {
            cmsg_len: std::mem::offset_of!(OneDescriptor, number) + size_of::<RawFd>(),
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        },
        number: descriptor.as_raw_fd(),
    };
    let mut part =
        libc::iovec { iov_base: packet.as_ptr().cast_mut().cast(), iov_len: packet.len() };
    let message = libc::msghdr {
        msg_name: std::ptr::null_mut(),
        msg_namelen: 0,
        msg_iov: &raw mut part,
        msg_iovlen: 1,
        msg_control: (&raw mut control).cast(),
        msg_controllen: size_of::<OneDescriptor>(),
        msg_flags: 0,
    };
    // SAFETY: all that `message` points to outlives the call, which writes nothing; `control` has
    // the layout of one message of one descriptor, and `cmsg_len` says so.
    let returned = unsafe { libc::sendmsg(fd, &raw const message, libc::MSG_NOSIGNAL) };
    check(returned as libc::c_long, "sendmsg", format_args!("{fd}, SCM_RIGHTS")).map(drop)
}

/// cmsg(3), with `CMSG_SPACE` of one number: aligned as its header is.
#[repr(C)]
struct OneDescriptor {
    header: libc::cmsghdr,
    number: RawFd,
}

/// A packet, and what the kernel says of it.
#[derive(Debug)]
pub(crate) struct FromProcess {
    /// How long it is: 0 when the peer is gone.
    pub(crate) len: usize,
    /// Its sender, as this process's PID namespace sees it.
    pub(crate) pid: i32,
    /// What was sent with it.
    pub(crate) descriptor: Option<OwnedFd>,
}

impl FromProcess {
    fn of(len: usize) -> Self {
        Self { len, pid: 0, descriptor: None }
    }

    fn and(mut self, part: ControlMessageOwned) -> Self {
        match part {
            ControlMessageOwned::ScmCredentials(sender) => self.pid = sender.pid(),
            ControlMessageOwned::ScmRights(numbers) => {
                for number in numbers {
                    self.descriptor = Some(owned(number.into()));
                }
            }
            _ => {}
        }
        self
    }
}

/// Waits for one packet. When the peer is gone and has not read all that it was sent, that is an
/// error, `ECONNRESET`, but only after all that it had sent before.
pub(crate) fn recv_from_process(socket: BorrowedFd<'_>, packet: &mut [u8]) -> Result<FromProcess> {
    let mut control = nix::cmsg_space!(libc::ucred, RawFd);
    let mut slices = [IoSliceMut::new(packet)];
    let context = format_args!("{}", socket.as_raw_fd());
    let mut reset = Ok(());
    loop {
        let received = socket::recvmsg::<()>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::MSG_CMSG_CLOEXEC,
        );
        match received {
            Err(Errno::EINTR) => {}
            // The kernel says it once, and first.
            Err(Errno::ECONNRESET) if reset.is_ok() => reset = Err(Errno::ECONNRESET),
            received => {
                let message = explain(received, "recvmsg", context)?;
                if message.bytes == 0 {
                    explain(reset, "recvmsg", context)?;
                }
                let parts = explain(message.cmsgs(), "recvmsg", context)?;
                return Ok(parts.fold(FromProcess::of(message.bytes), FromProcess::and));
            }
        }
    }
}
