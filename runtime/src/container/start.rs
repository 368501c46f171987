//! Starts a container that was created: its program is executed.

use super::explain::explain_exec;
use super::root::Root;
use super::state::{Phase, State, Status, own_cgroup};
use super::{gate, hooks};
use crate::cgroup::Cgroup;
use crate::error::{Doing, Error, Result};
use crate::link::{ToInit, ToParent};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long the kernel may take to end a container whose hook failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Executes the program of the container `id`, and returns when that has happened.
///
/// # Errors
///
/// [`Error::WrongState`] unless it is created; [`Error::Init`] if the program cannot be executed;
/// [`Error::Hook`] or [`Error::Timeout`] if a hook fails, in which case the container is ended.
pub fn start(root: &Root, id: &str) -> Result<()> {
    let locked = root.lock(id)?;
    let mut state = State::load(&locked.entry)?;
    let cgroup = own_cgroup(&locked.entry)?;
    let (status, init) = state.settled(&locked.entry, cgroup.as_ref())?;
    let refused = match status {
        Status::Created => None,
        Status::Running => Some("cannot start an already running container"),
        Status::Stopped => Some("cannot start a container that has stopped"),
        Status::Paused => Some("cannot start a paused container"),
        Status::Creating => Some("cannot start a container that is being created"),
    };
    if let Some(reason) = refused {
        return Err(Error::WrongState(format!("{reason}: {id}")));
    }
    let hooks = hooks::kept(&locked.entry, &state)?;
    let doing = || format!("starting {id}");
    let stopped = || Error::WrongState(format!("cannot start a container that has stopped: {id}"));
    let init = init.ok_or_else(stopped)?;
    ToInit::Go.send(init.as_fd()).doing(doing)?;
    // An end of file: the connection was closed by exec.
    let answer = ToParent::receive(init.as_fd()).doing(doing)?;
    // It has happened, and cannot be taken back: that nobody waits at the gate says so, too.
    state.phase = Phase::Started;
    let _noted = state.save(&locked.entry).and_then(|()| gate::remove(&locked.entry));
    match answer {
        Some((ToParent::Failed(failure), _)) => return Err(explain_exec(&failure)),
        Some((ToParent::HookFailed(failure), _)) => {
            return Err(hooks::explain(hooks.as_ref(), &failure));
        }
        Some((
            ToParent::MapIds
            | ToParent::Terminal(_)
            | ToParent::Listener(_)
            | ToParent::Hooks
            | ToParent::Ready,
            _,
        ))
        | None => {}
    }
    let Some(hooks) = hooks else { return Ok(()) };
    hooks::poststart(&hooks, &state).inspect_err(|_| {
        // runtime.md, "Lifecycle": it must not go on. What there is to say is about the hook.
        let _stopped = cgroup.as_ref().map_or(Ok(()), end);
    })
}

fn end(cgroup: &Cgroup) -> Result<()> {
    cgroup.kill()?;
    cgroup.wait_until_empty(Instant::now() + PATIENCE).map(drop)
}
