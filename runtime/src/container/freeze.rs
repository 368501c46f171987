//! Freezes a container and thaws it: what the command line calls pause and resume.

use super::root::Root;
use super::state::{State, Status, own_cgroup};
use crate::cgroup::Cgroup;
use crate::error::{Error, Result};
use std::time::{Duration, Instant};

/// How long processes may take to get where they can be stopped, and to go on from there: a process
/// that waits for a disk does not stop before it has its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Freezes the container `id`: all its processes stand still, and none of them notices.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::WrongState`] unless it is created or runs; [`Error::Timeout`] if a
/// process does not stop: then all go on.
pub fn freeze(root: &Root, id: &str) -> Result<()> {
    let locked = root.lock(id)?;
    let state = State::load(&locked.entry)?;
    state.must_be_a_container()?;
    let cgroup = own_cgroup(&locked.entry)?;
    let refused = match state.settled_status(&locked.entry, cgroup.as_ref())? {
        Status::Created | Status::Running => None,
        Status::Paused => Some("container not running, but paused"),
        Status::Stopped => Some("container not running"),
        Status::Creating => Some("container not running, but being created"),
    };
    let not_running = || Error::WrongState(format!("container not running: {id}"));
    let cgroup = match refused {
        Some(reason) => return Err(Error::WrongState(format!("{reason}: {id}"))),
        None => cgroup.ok_or_else(not_running)?,
    };
    let frozen = cgroup.freeze(Instant::now() + PATIENCE);
    if matches!(frozen, Ok(true)) {
        return Ok(());
    }
    cgroup.thaw()?;
    frozen?;
    let left = cgroup.processes()?;
    Err(Error::Timeout(format!("container {id}: of its processes {left:?} not all can be frozen")))
}

/// Lets the processes of the container `id` go on.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::WrongState`] unless it is frozen; [`Error::Timeout`] if it still
/// is.
pub fn thaw(root: &Root, id: &str) -> Result<()> {
    let locked = root.lock(id)?;
    let state = State::load(&locked.entry)?;
    state.must_be_a_container()?;
    let not_frozen = || Error::WrongState(format!("container not paused: {id}"));
    let cgroup = own_cgroup(&locked.entry)?.ok_or_else(not_frozen)?;
    // A `pause` that was killed may have asked for it and not seen it.
    if !cgroup.is_to_be_frozen()? {
        return Err(if cgroup.is_frozen()? { frozen_above(&cgroup) } else { not_frozen() });
    }
    cgroup.thaw()?;
    if cgroup.wait_until_thawed(Instant::now() + PATIENCE)? {
        return Ok(());
    }
    Err(frozen_above(&cgroup))
}

fn frozen_above(cgroup: &Cgroup) -> Error {
    Error::WrongState(format!("cgroup {}: a group above it is frozen", cgroup.path()))
}
