//! Whoever wants to hold the new process itself, and not its number, listens at a socket and gets a
//! pidfd of it: as an option of runc's asks for, or an annotation of crun's.

use super::console::connect;
use crate::error::{Doing, Result};
use crate::spec::annotations::PIDFD_RECEIVER;
use crate::sys::{process, socket};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// A connection, for one descriptor.
#[derive(Debug)]
pub(crate) struct PidfdSocket {
    socket: OwnedFd,
    /// Who asks for it.
    field: String,
    /// What comes with the descriptor.
    word: &'static [u8],
}

/// What the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first one of a container.
    Init,
    /// One that was added.
    Added,
}

impl Kind {
    /// In the words of runc.
    fn word(self) -> &'static [u8] {
        match self {
            Self::Init => b"standard",
            Self::Added => b"setns",
        }
    }
}

impl PidfdSocket {
    /// Connects to it, if there is to be one. Before anything is made: where nobody listens there
    /// can be no container.
    pub(super) fn open(path: Option<&Path>, kind: Kind) -> Result<Option<Self>> {
        let open = |path| Self::at(path, "--pidfd-socket".to_owned(), kind.word());
        path.map(open).transpose()
    }

    /// The same for that of a container's annotations.
    pub(super) fn of_annotations(annotations: &BTreeMap<String, String>) -> Result<Option<Self>> {
        let path = annotations.get(PIDFD_RECEIVER).map(Path::new);
        let field = || format!("annotations[{PIDFD_RECEIVER}]");
        path.map(|path| Self::at(path, field(), b"\0")).transpose()
    }

    fn at(path: &Path, field: String, word: &'static [u8]) -> Result<Self> {
        Ok(Self { socket: connect(&field, path)?, field, word })
    }

    /// Sends a pidfd of `pid`, a child of this process: its number is its own until it is reaped.
    pub(super) fn send(&self, pid: i32) -> Result<()> {
        let doing = || self.field.clone();
        let pidfd = process::pidfd_open(pid).doing(doing)?;
        socket::send_descriptor(self.socket.as_fd(), self.word, pidfd.as_fd()).doing(doing)
    }
}
