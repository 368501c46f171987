//! The sandbox that a new container is to be a member of.

use super::Root;
use super::root::Locked;
use super::state::{Kind, OwnCgroup, State};
use crate::error::{Doing, Error, Result};
use crate::plan::Sharing;
use crate::sys::process;
use std::os::fd::{AsFd, OwnedFd};

/// A sandbox whose pause lives, and which is not removed meanwhile: its lock is held.
#[derive(Debug)]
pub(super) struct Membership<'a> {
    id: &'a str,
    sharing: Sharing,
    cgroup: String,
    pause: OwnedFd,
    _lock: Locked,
}

impl<'a> Membership<'a> {
    pub(super) fn open(root: &Root, id: &'a str) -> Result<Self> {
        let lock = root.lock(id).map_err(|error| match error {
            Error::NotFound(_) => Error::NotFound(format!("sandbox {id}")),
            other => other,
        })?;
        let state = State::load(&lock.entry)?;
        let Kind::Sandbox { nested, maps } = state.kind else {
            return Err(Error::WrongState(format!("{id} is a container, not a sandbox")));
        };
        let gone = || Error::WrongState(format!("sandbox {id}: its pause process has ended"));
        let init = state.init.ok_or_else(gone)?;
        let pause = init.open_alive()?.ok_or_else(gone)?;
        let cgroup = OwnCgroup::load(&lock.entry)?.ok_or_else(gone)?.path;
        let sharing = Sharing { pid: init.pid, nested, maps };
        Ok(Self { id, sharing, cgroup, pause, _lock: lock })
    }

    pub(super) fn sharing(&self) -> Sharing {
        self.sharing.clone()
    }

    pub(super) fn cgroup(&self) -> &str {
        &self.cgroup
    }

    pub(super) fn make_sure_pause_lives(&self) -> Result<()> {
        let doing = || format!("sandbox {}", self.id);
        if process::has_ended(self.pause.as_fd()).doing(doing)? {
            return Err(Error::WrongState(format!("{}: its pause process has ended", doing())));
        }
        Ok(())
    }
}
