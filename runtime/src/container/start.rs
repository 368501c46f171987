//! Starts a container that was created: its program is executed.

use super::explain::explain_exec;
use super::gate;
use super::root::Root;
use super::state::{Phase, State, Status, own_cgroup};
use crate::error::{Doing, Error, Result};
use crate::link::{ToInit, ToParent};
use std::os::fd::AsFd;

/// Executes the program of the container `id`, and returns when that has happened.
///
/// # Errors
///
/// [`Error::WrongState`] unless it is created; [`Error::Init`] if the program cannot be executed.
pub fn start(root: &Root, id: &str) -> Result<()> {
    let locked = root.lock(id)?;
    let mut state = State::load(&locked.entry)?;
    let cgroup = own_cgroup(&locked.entry)?;
    let refused = match state.settled_status(&locked.entry, cgroup.as_ref())? {
        Status::Created => None,
        Status::Running => Some("cannot start an already running container"),
        Status::Stopped => Some("cannot start a container that has stopped"),
        Status::Paused => Some("cannot start a paused container"),
        Status::Creating => Some("cannot start a container that is being created"),
    };
    if let Some(reason) = refused {
        return Err(Error::WrongState(format!("{reason}: {id}")));
    }
    let doing = || format!("starting {id}");
    let stopped = || Error::WrongState(format!("cannot start a container that has stopped: {id}"));
    let init = gate::connect(&locked.entry)?.ok_or_else(stopped)?;
    ToInit::Go.send(init.as_fd()).doing(doing)?;
    // An end of file: the connection was closed by exec.
    let answer = ToParent::receive(init.as_fd()).doing(doing)?;
    // It has happened, and cannot be taken back: that nobody waits at the gate says so, too.
    state.phase = Phase::Started;
    let _noted = state.save(&locked.entry).and_then(|()| gate::remove(&locked.entry));
    match answer {
        Some((ToParent::Failed(failure), _)) => Err(explain_exec(&failure)),
        Some((ToParent::Ready | ToParent::Terminal(_), _)) | None => Ok(()),
    }
}
