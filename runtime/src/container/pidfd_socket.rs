//! Whoever wants to hold the new process itself, and not its number: who listens at the pidfd
//! socket gets a pidfd of it, as runc sends one.

use super::console::connect;
use crate::error::{Doing, Result};
use crate::sys::{process, socket};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// A connection, for one descriptor.
#[derive(Debug)]
pub(crate) struct PidfdSocket(OwnedFd);

/// What the process is, in the words of runc that come with the descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first one of a container.
    Init,
    /// One that was added.
    Added,
}

const OPTION: &str = "--pidfd-socket";

impl PidfdSocket {
    /// Connects to it, if there is to be one. Before anything is made: where nobody listens there
    /// can be no container.
    pub(super) fn open(path: Option<&Path>) -> Result<Option<Self>> {
        path.map(|path| connect(OPTION, path).map(Self)).transpose()
    }

    /// Sends a pidfd of `pid`, a child of this process: its number is its own until it is reaped.
    pub(super) fn send(&self, kind: Kind, pid: i32) -> Result<()> {
        let doing = || OPTION.to_owned();
        let pidfd = process::pidfd_open(pid).doing(doing)?;
        let name: &[u8] = match kind {
            Kind::Init => b"standard",
            Kind::Added => b"setns",
        };
        socket::send_descriptor(self.0.as_fd(), name, pidfd.as_fd()).doing(doing)
    }
}
