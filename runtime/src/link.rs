//! The link: what a parent and the process that becomes the container's say to each other.
//!
//! One socket pair that keeps packets apart (`SOCK_SEQPACKET`), one enum per direction, packets of
//! one size. The same packets go over the start gate, a listener in the container's directory that
//! init waits at:
//!
//! ```text
//! create                     init                        start
//!   | ---- clone -------------> |                           |
//!   |                           | (every step of the plan)  |
//!   | <------- a request ------ |                           |
//!   | -------- Continue ------> |                           |
//!   | <------ Ready, or Failed  |                           |
//!   | (limits, state)           |                           |
//!   | ------- Created --------> |                           |
//!   |                           | <-- connect, Go --------- |
//!   |                           | (limits, seccomp, exec)   |
//!   |                           | --- end of file: exec     |
//!   |                           |     happened, or Failed-> |
//! ```
//!
//! Until `Created` an end of file ends init: no half-made container outlives its creator.

use crate::sys::program::{Ended, How, Tail};
use crate::sys::{self, file, socket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What a process on its way to be the container's says to its parent.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "init, which sends them, has no heap")]
pub(crate) enum ToParent {
    /// This process is in a new user namespace: time to write its maps. The answer is
    /// [`ToInit::Continue`].
    MapIds,
    /// This process is in its network namespace: time to move devices there. The answer is
    /// [`ToInit::Continue`].
    NetDevices,
    /// The root is ready to be entered: time for the hooks of the parent. The answer is
    /// [`ToInit::Continue`].
    Hooks,
    /// This process's descriptor of that number is the other end of the program's terminal. It
    /// stays open until the parent has taken it and says `Continue`.
    Terminal(i32),
    /// This process has a seccomp filter now, and its descriptor of that number is where the agent
    /// is notified. It stays open until the parent has passed it on and says `Continue`.
    Listener(i32),
    /// This process has cloned the one that becomes the container's, and ends: a pidfd of that
    /// one, which its parent would not know of if it ended without a word.
    Sibling(OwnedFd),
    /// All is done but what `start` asks for.
    Ready,
    /// A step failed, and this process ends.
    Failed(Failure),
    /// A hook failed, and this process ends.
    HookFailed(HookFailure),
}

/// What such a process is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ToInit {
    /// What was asked for is done.
    Continue,
    /// The state says that the container exists: from now on wait at the gate.
    Created,
    /// Execute the program.
    Go,
}

/// Where init was when a system call failed, in terms of the plan, which only its parent may
/// put into words.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: Step,
    /// Which mount, device, path … of the step it was.
    pub(crate) item: u16,
    pub(crate) error: sys::Error,
}

/// Which hook failed, and how.
#[derive(Debug)]
pub(crate) struct HookFailure {
    /// Which list of hooks it is in.
    pub(crate) step: Step,
    /// Its place there.
    pub(crate) item: u16,
    pub(crate) ended: Ended,
}

/// The steps of a process on its way to exec, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Step {
    Clone,
    Namespaces,
    Time,
    Isolation,
    Root,
    Ids,
    Keyring,
    Loopback,
    NetDevices,
    Names,
    Mounts,
    Devices,
    Hooks,
    CreateContainer,
    Pivot,
    Terminal,
    Home,
    Sysctls,
    Labels,
    ReadonlyPaths,
    MaskedPaths,
    Propagation,
    Listening,
    MemoryPolicy,
    Personality,
    Session,
    Cwd,
    Identity,
    Executable,
    Gate,
    StartContainer,
    Limits,
    Seccomp,
    Exec,
}

impl Step {
    const ALL: [Self; 34] = [
        Self::Clone,
        Self::Namespaces,
        Self::Time,
        Self::Isolation,
        Self::Root,
        Self::Ids,
        Self::Keyring,
        Self::Loopback,
        Self::NetDevices,
        Self::Names,
        Self::Mounts,
        Self::Devices,
        Self::Hooks,
        Self::CreateContainer,
        Self::Pivot,
        Self::Terminal,
        Self::Home,
        Self::Sysctls,
        Self::Labels,
        Self::ReadonlyPaths,
        Self::MaskedPaths,
        Self::Propagation,
        Self::Listening,
        Self::MemoryPolicy,
        Self::Personality,
        Self::Session,
        Self::Cwd,
        Self::Identity,
        Self::Executable,
        Self::Gate,
        Self::StartContainer,
        Self::Limits,
        Self::Seccomp,
        Self::Exec,
    ];
}

/// A packet: kind, step, item (2 bytes), errno (4 bytes), length of the call's name, its name,
/// its arguments. Of a hook: kind, step, item, exit status or signal (4 bytes), which of them it
/// is, what it said.
const PACKET: usize = HEADER + Tail::SIZE;
const HEADER: usize = 9;
const READY: u8 = 1;
const FAILED: u8 = 2;
const CREATED: u8 = 3;
const GO: u8 = 4;
const CONTINUE: u8 = 5;
const TERMINAL: u8 = 6;
const HOOKS: u8 = 7;
const HOOK_FAILED: u8 = 8;
const MAP_IDS: u8 = 9;
const LISTENER: u8 = 10;
const SIBLING: u8 = 11;
const NET_DEVICES: u8 = 12;

impl ToParent {
    pub(crate) fn send(&self, socket: BorrowedFd<'_>) -> sys::Result<()> {
        let mut packet = [0; PACKET];
        let len = match self {
            Self::Ready => bare(READY, &mut packet),
            Self::MapIds => bare(MAP_IDS, &mut packet),
            Self::NetDevices => bare(NET_DEVICES, &mut packet),
            Self::Hooks => bare(HOOKS, &mut packet),
            Self::Terminal(number) => {
                packet[4..8].copy_from_slice(&number.to_le_bytes());
                bare(TERMINAL, &mut packet)
            }
            Self::Listener(number) => {
                packet[0] = LISTENER;
                packet[4..8].copy_from_slice(&number.to_le_bytes());
                // Not by `send`: the filter may have every other call wait for the agent, who does
                // not know of it yet.
                return file::write(socket, &packet[..HEADER]);
            }
            Self::Sibling(pidfd) => {
                // Not by number: to be asked for it, this process would have to wait for its
                // parent beside its sibling, and either could take the other's answer.
                return socket::send_with_descriptor(socket, &[SIBLING; HEADER], pidfd.as_fd());
            }
            Self::Failed(failure) => failure.encode(&mut packet),
            Self::HookFailed(failure) => failure.encode(&mut packet),
        };
        socket::send(socket, &packet[..len])
    }

    /// The next packet and the process that sent it; `None` when the other side is gone. It is an
    /// error (`ECONNRESET`) if that has left something unread that was sent to it.
    pub(crate) fn receive(socket: BorrowedFd<'_>) -> sys::Result<Option<(Self, i32)>> {
        let mut packet = [0; PACKET];
        let socket::FromProcess { len, pid, descriptor } =
            socket::recv_from_process(socket, &mut packet)?;
        let number = [packet[4], packet[5], packet[6], packet[7]];
        let said = match packet[0] {
            READY if len == HEADER => Some(Self::Ready),
            MAP_IDS if len == HEADER => Some(Self::MapIds),
            NET_DEVICES if len == HEADER => Some(Self::NetDevices),
            HOOKS if len == HEADER => Some(Self::Hooks),
            TERMINAL if len == HEADER => Some(Self::Terminal(i32::from_le_bytes(number))),
            LISTENER if len == HEADER => Some(Self::Listener(i32::from_le_bytes(number))),
            SIBLING => descriptor.map(Self::Sibling),
            FAILED => Failure::decode(&packet[..len]).map(Self::Failed),
            HOOK_FAILED => HookFailure::decode(&packet[..len]).map(Self::HookFailed),
            _ => None,
        };
        Ok(said.map(|said| (said, pid)))
    }
}

/// A packet that has only a kind.
fn bare(kind: u8, packet: &mut [u8; PACKET]) -> usize {
    packet[0] = kind;
    HEADER
}

impl ToInit {
    pub(crate) fn send(self, socket: BorrowedFd<'_>) -> sys::Result<()> {
        let kind = match self {
            Self::Continue => CONTINUE,
            Self::Created => CREATED,
            Self::Go => GO,
        };
        socket::send(socket, &[kind])
    }

    /// The next packet; `None` when the other side is gone.
    pub(crate) fn receive(socket: BorrowedFd<'_>) -> sys::Result<Option<Self>> {
        let mut packet = [0; 1];
        socket::recv(socket, &mut packet)?;
        Ok(match packet[0] {
            CONTINUE => Some(Self::Continue),
            CREATED => Some(Self::Created),
            GO => Some(Self::Go),
            _ => None,
        })
    }
}

impl Failure {
    fn encode(&self, packet: &mut [u8; PACKET]) -> usize {
        let (call, args) = (self.error.call().as_bytes(), self.error.args().as_bytes());
        packet[0] = FAILED;
        packet[1] = self.step as u8;
        packet[2..4].copy_from_slice(&self.item.to_le_bytes());
        packet[4..8].copy_from_slice(&(self.error.errno() as i32).to_le_bytes());
        // A call's name has at most 24 bytes and its arguments 120: both fit, in a packet
        // and in a byte.
        packet[8] = u8::try_from(call.len()).unwrap_or_default();
        let split = HEADER + call.len();
        packet[HEADER..split].copy_from_slice(call);
        packet[split..split + args.len()].copy_from_slice(args);
        split + args.len()
    }

    fn decode(packet: &[u8]) -> Option<Self> {
        let step = *Step::ALL.get(usize::from(*packet.get(1)?))?;
        let item = u16::from_le_bytes(packet.get(2..4)?.try_into().ok()?);
        let errno = i32::from_le_bytes(packet.get(4..8)?.try_into().ok()?);
        let split = HEADER + usize::from(*packet.get(8)?);
        let call = std::str::from_utf8(packet.get(HEADER..split)?).ok()?;
        let args = std::str::from_utf8(packet.get(split..)?).ok()?;
        Some(Self { step, item, error: sys::Error::from_parts(call, args, errno) })
    }
}

impl HookFailure {
    fn encode(&self, packet: &mut [u8; PACKET]) -> usize {
        let (which, number) = match self.ended.how {
            How::Exited(code) => (0, code),
            How::Killed(signal) => (1, signal),
            How::TimedOut => (2, 0),
            How::Abandoned => (3, 0),
        };
        let said = self.ended.said.as_bytes();
        packet[0] = HOOK_FAILED;
        packet[1] = self.step as u8;
        packet[2..4].copy_from_slice(&self.item.to_le_bytes());
        packet[4..8].copy_from_slice(&number.to_le_bytes());
        packet[8] = which;
        packet[HEADER..HEADER + said.len()].copy_from_slice(said);
        HEADER + said.len()
    }

    fn decode(packet: &[u8]) -> Option<Self> {
        let step = *Step::ALL.get(usize::from(*packet.get(1)?))?;
        let item = u16::from_le_bytes(packet.get(2..4)?.try_into().ok()?);
        let number = i32::from_le_bytes(packet.get(4..8)?.try_into().ok()?);
        let how = match packet.get(8)? {
            0 => How::Exited(number),
            1 => How::Killed(number),
            2 => How::TimedOut,
            3 => How::Abandoned,
            _ => return None,
        };
        let mut said = Tail::new();
        said.push(packet.get(HEADER..)?);
        Some(Self { step, item, ended: Ended { how, said } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_failure_arrives_as_it_was_sent() {
        let (here, there) = socket::pair().unwrap();
        socket::pass_credentials(here.as_fd()).unwrap();
        for step in Step::ALL {
            let error = sys::Error::from_parts("move_mount", &"x".repeat(300), 2);
            let failure = Failure { step, item: 513, error };
            ToParent::Failed(failure).send(there.as_fd()).unwrap();
            let (packet, pid) = ToParent::receive(here.as_fd()).unwrap().unwrap();
            let ToParent::Failed(failure) = packet else { panic!("{packet:?}") };
            assert_eq!((failure.step, failure.item), (step, 513));
            assert_eq!(failure.error.to_string(), error.to_string());
            assert_eq!(pid, i32::try_from(std::process::id()).unwrap());
        }
    }

    #[test]
    fn how_a_hook_failed_arrives_as_it_was_sent() {
        let (here, there) = socket::pair().unwrap();
        socket::pass_credentials(here.as_fd()).unwrap();
        for how in [How::Exited(7), How::Killed(9), How::TimedOut, How::Abandoned] {
            let mut said = Tail::new();
            said.push(&[b'x'; 600]);
            let step = Step::StartContainer;
            let failure = HookFailure { step, item: 3, ended: Ended { how, said } };
            ToParent::HookFailed(failure).send(there.as_fd()).unwrap();
            let (packet, _) = ToParent::receive(here.as_fd()).unwrap().unwrap();
            let ToParent::HookFailed(failure) = packet else { panic!("{packet:?}") };
            assert_eq!((failure.step, failure.item, failure.ended.how), (step, 3, how));
            assert_eq!(failure.ended.said.as_bytes(), said.as_bytes());
        }
    }

    #[test]
    fn a_sibling_arrives_as_a_descriptor_of_this_process() {
        let (here, there) = socket::pair().unwrap();
        let (mark, marked) = socket::pair().unwrap();
        ToParent::Sibling(marked).send(there.as_fd()).unwrap();
        let (packet, _) = ToParent::receive(here.as_fd()).unwrap().unwrap();
        let ToParent::Sibling(marked) = packet else { panic!("{packet:?}") };
        ToInit::Go.send(marked.as_fd()).unwrap();
        assert_eq!(ToInit::receive(mark.as_fd()).unwrap(), Some(ToInit::Go));
    }

    #[test]
    fn a_peer_that_has_not_read_all_is_an_error_after_its_last_word() {
        let (here, there) = socket::pair().unwrap();
        ToInit::Go.send(here.as_fd()).unwrap();
        ToParent::Ready.send(there.as_fd()).unwrap();
        drop(there);
        let packet = ToParent::receive(here.as_fd()).unwrap();
        assert!(matches!(packet, Some((ToParent::Ready, _))), "{packet:?}");
        // The kernel has said so before, and says so once.
        assert!(ToParent::receive(here.as_fd()).unwrap().is_none());
        let (here, there) = socket::pair().unwrap();
        ToInit::Go.send(here.as_fd()).unwrap();
        drop(there);
        let error = ToParent::receive(here.as_fd()).unwrap_err();
        assert_eq!(error.errno(), sys::Errno::ECONNRESET);
    }

    #[test]
    fn a_peer_that_is_gone_is_an_end() {
        let (here, there) = socket::pair().unwrap();
        drop(there);
        assert_eq!(ToInit::receive(here.as_fd()).unwrap(), None);
    }

    #[test]
    fn no_packet_makes_decoding_panic() {
        for len in 0..PACKET {
            for byte in [0, 2, 18, 27, 28, 200, 255] {
                let _ = Failure::decode(&vec![byte; len]);
                let _ = HookFailure::decode(&vec![byte; len]);
            }
        }
    }
}
