//! Starts a container that was created: its program is executed.

use super::explain::explain_exec;
use super::notify::Notify;
use super::root::Root;
use super::spawn::{LastWord, last_word};
use super::state::{Phase, State, Status, own_cgroup};
use super::{gate, hooks};
use crate::cgroup::Cgroup;
use crate::error::{Doing, Error, Result};
use crate::link::ToInit;
use crate::sys::Errno;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How long the kernel may take to end a container whose hook failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Executes the program of the container `id`, and returns when that has happened; if the caller
/// has `NOTIFY_SOCKET`, when the container is ready.
///
/// # Errors
///
/// [`Error::WrongState`] unless it is created; [`Error::Init`] if the program cannot be executed;
/// [`Error::Hook`] or [`Error::Timeout`] if a hook fails, in which case the container is ended.
pub fn start(root: &Root, id: &str) -> Result<()> {
    begin(root, id)?.map_or(Ok(()), Notify::wait)
}

/// The same, but the caller itself waits until the container says that it is ready, if anybody
/// wants to know that.
pub(super) fn begin(root: &Root, id: &str) -> Result<Option<Notify>> {
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
    let notify = Notify::open(&locked.entry, &state)?;
    let word = go(init.as_fd(), &doing());
    if matches!(word, Ok(_) | Err(Error::Init { source: None, .. })) {
        // It has happened, and cannot be taken back: that nobody waits at the gate says so, too.
        state.phase = Phase::Started;
        let _noted = state.save(&locked.entry).and_then(|()| gate::remove(&locked.entry));
    }
    match word? {
        LastWord::Failed(failure) => return Err(explain_exec(&failure)),
        LastWord::HookFailed(failure) => return Err(hooks::explain(hooks.as_ref(), &failure)),
        LastWord::Executed => {}
    }
    let Some(hooks) = hooks else { return Ok(notify) };
    hooks::poststart(&hooks, &state).inspect_err(|_| {
        // runtime.md, "Lifecycle": it must not go on. What there is to say is about the hook.
        let _stopped = cgroup.as_ref().map_or(Ok(()), end);
    })?;
    Ok(notify)
}

/// Tells init to execute the program, and waits until it has.
fn go(init: BorrowedFd<'_>, doing: &str) -> Result<LastWord> {
    match ToInit::Go.send(init) {
        // It ends just now: what it has to say is there to be read.
        Err(error) if matches!(error.errno(), Errno::EPIPE | Errno::ECONNRESET) => {
            match last_word(init, doing)? {
                LastWord::Executed => Err(Error::init_ended("it has not answered")),
                word => Ok(word),
            }
        }
        sent => {
            sent.doing(|| doing.to_owned())?;
            last_word(init, doing)
        }
    }
}

fn end(cgroup: &Cgroup) -> Result<()> {
    let mut members = cgroup.members()?;
    cgroup.kill()?;
    members.wait_until_over(Instant::now() + PATIENCE).map(drop)
}
