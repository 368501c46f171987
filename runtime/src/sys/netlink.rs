//! Network devices by rtnetlink(7): found, moved to another namespace, given addresses, brought up.

use super::error::{Error, Result, check};
use super::file::owned;
use nix::errno::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A socket that speaks of the network namespace it was made in, wherever this process is.
#[derive(Debug)]
pub(crate) struct Route(OwnedFd);

/// An address of a device: `struct ifaddrmsg` without the device, and attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    family: u8,
    prefix: u8,
    attributes: Vec<u8>,
}

// include/uapi/linux/netlink.h
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_CREATE_NEW: u16 = 0x600;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEADER: usize = 16;

// include/uapi/linux/rtnetlink.h, if_link.h and if_addr.h
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const IFLA_IFNAME: u16 = 3;
const IFLA_NET_NS_FD: u16 = 28;
const IFA_FLAGS: u16 = 8;
/// Its own address, that of the other end, for whom it is broadcast, flags, the metric.
const COPIED: [u16; 5] = [1, 2, 4, IFA_FLAGS, 9];
const IFA_F_PERMANENT: u32 = 0x80;
const RT_SCOPE_UNIVERSE: u8 = 0;
const LINK: usize = 16;
const ADDRESS: usize = 8;

/// What the kernel sends at once.
const CHUNK: usize = 32 << 10;

impl Route {
    pub(crate) fn open() -> Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: only numbers are passed.
        let returned = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) };
        check(returned.into(), "socket", format_args!("AF_NETLINK")).map(|fd| Self(owned(fd)))
    }

    /// The number of the device `name`; `None` if there is none.
    pub(crate) fn index(&self, name: &str) -> Result<Option<u32>> {
        let request = Message::new(RTM_GETLINK, NLM_F_REQUEST, &[0; LINK])
            .attribute(IFLA_IFNAME, &with_nul(name));
        let mut index = None;
        match self.exchange(request, "RTM_GETLINK", |_, body| index = word(body, 4)) {
            Err(error) if error.errno() == Errno::ENODEV => Ok(None),
            answered => answered.map(|()| index),
        }
    }

    /// The addresses of a device that it has for good, and for the whole world.
    pub(crate) fn addresses(&self, index: u32) -> Result<Vec<Address>> {
        let request = Message::new(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, &[0; ADDRESS]);
        let mut found = Vec::new();
        self.exchange(request, "RTM_GETADDR", |kind, body| {
            if kind == RTM_NEWADDR && word(body, 4) == Some(index) {
                found.extend(Address::parse(body));
            }
        })?;
        Ok(found)
    }

    /// Takes a device down, or brings it up.
    pub(crate) fn set_state(&self, index: u32, state: State) -> Result<()> {
        let up = libc::IFF_UP.cast_unsigned();
        let flags = match state {
            State::Up => up,
            State::Down => 0,
        };
        let request = Message::new(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, &link(index, flags, up));
        self.exchange(request, "RTM_NEWLINK", |_, _| {})
    }

    /// Moves a device to the namespace `to`, where it has that name. A name that is taken there is
    /// `EEXIST`.
    pub(crate) fn move_to(&self, index: u32, to: BorrowedFd<'_>, name: &str) -> Result<()> {
        let request = Message::new(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, &link(index, 0, 0))
            .attribute(IFLA_NET_NS_FD, &to.as_raw_fd().to_ne_bytes())
            .attribute(IFLA_IFNAME, &with_nul(name));
        self.exchange(request, "RTM_NEWLINK", |_, _| {})
    }

    /// Gives a device an address.
    pub(crate) fn add(&self, index: u32, address: &Address) -> Result<()> {
        let mut body = [0; ADDRESS];
        (body[0], body[1]) = (address.family, address.prefix);
        body[4..].copy_from_slice(&index.to_ne_bytes());
        let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE_NEW;
        let mut request = Message::new(RTM_NEWADDR, flags, &body);
        request.0.extend(&address.attributes);
        self.exchange(request, "RTM_NEWADDR", |_, _| {})
    }

    /// Sends a request, and hands each message of the answer on.
    fn exchange(
        &self,
        request: Message,
        what: &str,
        mut each: impl FnMut(u16, &[u8]),
    ) -> Result<()> {
        let has_end = request.has_end();
        let bytes = request.finish();
        let fd = self.0.as_raw_fd();
        // SAFETY: the kernel reads `bytes.len()` bytes from `bytes`.
        let returned = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), 0) };
        check(returned as libc::c_long, "send", format_args!("{fd}, {what}"))?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = super::socket::recv(self.0.as_fd(), &mut chunk)?;
            for (kind, body) in Messages(chunk.get(..read).unwrap_or_default()) {
                match kind {
                    NLMSG_DONE => return Ok(()),
                    NLMSG_ERROR => return outcome(body, what),
                    kind => each(kind, body),
                }
            }
            if !has_end {
                return Ok(());
            }
        }
    }
}

/// Whether a device is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Up,
    Down,
}

impl Address {
    /// `None` if it is of a passing kind, or not for the whole world.
    fn parse(body: &[u8]) -> Option<Self> {
        let (&family, &prefix, &scope) = (body.first()?, body.get(1)?, body.get(3)?);
        let mut flags = u32::from(*body.get(2)?);
        let mut attributes = Vec::new();
        for (kind, whole) in Attributes(body.get(ADDRESS..)?) {
            if kind == IFA_FLAGS {
                flags = word(whole, 4)?;
            }
            if COPIED.contains(&kind) {
                attributes.extend(whole);
            }
        }
        let is_wanted = scope == RT_SCOPE_UNIVERSE && flags & IFA_F_PERMANENT != 0;
        is_wanted.then_some(Self { family, prefix, attributes })
    }
}

/// A message on its way to be sent.
struct Message(Vec<u8>);

impl Message {
    fn new(kind: u16, flags: u16, body: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes.extend(body);
        Self(bytes)
    }

    fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        // No value of ours is longer than the name of a device.
        let len = u16::try_from(4 + value.len()).unwrap_or_default();
        self.0.extend(len.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(aligned(self.0.len()), 0);
        self
    }

    /// Whether the kernel says when its answer is complete; else that is one message.
    fn has_end(&self) -> bool {
        let flags = u16::from_ne_bytes([self.0[6], self.0[7]]);
        flags & (NLM_F_ACK | NLM_F_DUMP) != 0
    }

    fn finish(mut self) -> Vec<u8> {
        let len = u32::try_from(self.0.len()).unwrap_or_default();
        self.0[..4].copy_from_slice(&len.to_ne_bytes());
        self.0
    }
}

/// `struct ifinfomsg` with the number of a device, flags, and which of them are meant.
fn link(index: u32, flags: u32, change: u32) -> [u8; LINK] {
    let mut body = [0; LINK];
    body[4..8].copy_from_slice(&index.to_ne_bytes());
    body[8..12].copy_from_slice(&flags.to_ne_bytes());
    body[12..].copy_from_slice(&change.to_ne_bytes());
    body
}

fn with_nul(name: &str) -> Vec<u8> {
    name.bytes().chain([0]).collect()
}

fn aligned(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// The kind and the body of each message.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let len = usize::try_from(word(self.0, 0)?).ok()?;
        let kind = u16::from_ne_bytes([*self.0.get(4)?, *self.0.get(5)?]);
        let body = self.0.get(HEADER..len)?;
        self.0 = self.0.get(aligned(len)..).unwrap_or_default();
        Some((kind, body))
    }
}

/// The kind and the bytes of each attribute, of which the first four are its head.
struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let len = usize::from(u16::from_ne_bytes([*self.0.first()?, *self.0.get(1)?]));
        let kind = u16::from_ne_bytes([*self.0.get(2)?, *self.0.get(3)?]);
        let whole = self.0.get(..aligned(len)).or_else(|| self.0.get(..len))?;
        // One of no length would be the next one for ever.
        self.0 = self.0.get(aligned(len.max(4))..).unwrap_or_default();
        Some((kind, whole))
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    four.try_into().ok().map(u32::from_ne_bytes)
}

/// `struct nlmsgerr` begins with 0, or with the number of an error below it.
fn outcome(body: &[u8], what: &str) -> Result<()> {
    match word(body, 0).map_or(0, u32::cast_signed) {
        0 => Ok(()),
        error => Err(Error::new(what, format_args!("rtnetlink"), Errno::from_raw(-error))),
    }
}
