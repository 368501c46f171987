//! Whoever is sent a pidfd of a container's first process, as an annotation of crun's says.

use crate::error::{Doing, Result};
use crate::spec::annotations::PIDFD_RECEIVER;
use crate::sys::{process, socket};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// A connection to it.
#[derive(Debug)]
pub(crate) struct Receiver(OwnedFd);

impl Receiver {
    /// Connects to it, if there is one, before anything is made.
    pub(super) fn open(annotations: &BTreeMap<String, String>) -> Result<Option<Self>> {
        let Some(path) = annotations.get(PIDFD_RECEIVER) else { return Ok(None) };
        let connected = socket::connect_stream(Path::new(path));
        connected.doing(|| format!("annotations[{PIDFD_RECEIVER}]: {path:?}")).map(Self).map(Some)
    }

    /// Sends the pidfd of the process `pid`, which is this process's to reap.
    pub(super) fn send(&self, pid: i32) -> Result<()> {
        let doing = || format!("annotations[{PIDFD_RECEIVER}]");
        let pidfd = process::pidfd_open(pid).doing(doing)?;
        socket::send_descriptor(self.0.as_fd(), b"\0", pidfd.as_fd()).doing(doing)
    }
}
