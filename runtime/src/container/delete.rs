//! Deletes a container: what it holds in the kernel first, and what is written of it last.

use super::hooks;
use super::root::{Locked, Root};
use super::state::{OwnCgroup, State, Status, own_cgroup};
use crate::cgroup::{Cgroup, Hierarchy, systemd};
use crate::error::{Error, Result};
use std::time::{Duration, Instant};

/// How long the processes of a container may take to end once they are killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a container that still runs is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// Only what has ended, or was never started.
    No,
    /// Whatever it does, whatever its state file looks like, and whether it exists or not.
    Yes,
}

/// Deletes the container `id`, and answers with what its hooks complain of. Every step takes
/// "already gone" for done: after a crash it can be repeated.
///
/// # Errors
///
/// Without force: [`Error::NotFound`], and [`Error::WrongState`] if it runs. [`Error::Timeout`] if
/// its processes cannot be ended.
pub fn delete(root: &Root, id: &str, force: Force) -> Result<Vec<String>> {
    let locked = match root.lock(id) {
        Err(Error::NotFound(_)) if force == Force::Yes => return Ok(Vec::new()),
        // The holder may be a process that cannot let go, frozen say: without its processes nobody
        // holds it.
        Err(Error::Timeout(_)) if force == Force::Yes => {
            if let Some(cgroup) = own_cgroup(&root.open_entry(id)?)? {
                cgroup.kill()?;
            }
            root.lock(id)?
        }
        locked => locked?,
    };
    let state = State::load(&locked.entry);
    if let Ok(State { kind: super::Kind::Sandbox { .. }, .. }) = &state {
        let message = format!("{id} is a sandbox: sandbox delete removes it with its containers");
        return Err(Error::WrongState(message));
    }
    let state = match (state, force) {
        (Ok(state), Force::No) => {
            may_be_deleted(&state, &locked)?;
            state
        }
        (Err(error), Force::No) => return Err(error),
        (state, Force::Yes) => state.unwrap_or_else(|_| State::unknown(id)),
    };
    let mut warnings = remove_what_it_holds(&locked, &state)?;
    warnings.extend(hooks::poststop(&locked.entry, &state));
    root.remove(locked)?;
    Ok(warnings)
}

/// A created container may be deleted without force, although runtime.md has it otherwise: every
/// runtime allows it, and their callers depend on that.
fn may_be_deleted(state: &State, locked: &Locked) -> Result<()> {
    // Most often it has ended, and there is nothing else to look at.
    if state.open_init()?.is_none() {
        return Ok(());
    }
    let cgroup = own_cgroup(&locked.entry)?;
    match state.settled_status(&locked.entry, cgroup.as_ref())? {
        Status::Stopped | Status::Created => Ok(()),
        status @ (Status::Creating | Status::Running | Status::Paused) => {
            let id = &state.id;
            let message = format!("cannot delete container {id} that is not stopped: {status}");
            Err(Error::WrongState(message))
        }
    }
}

/// Ends what is left of a sandbox, and removes its cgroup and its directory; answers as [`delete`]
/// does.
pub(crate) fn clean_up(root: &Root, locked: Locked, state: &State) -> Result<Vec<String>> {
    let warnings = remove_what_it_holds(&locked, state)?;
    root.remove(locked)?;
    Ok(warnings)
}

fn remove_what_it_holds(locked: &Locked, state: &State) -> Result<Vec<String>> {
    OwnCgroup::load(&locked.entry)?.map_or(Ok(()), |own| remove_cgroup(&own))?;
    let Some(unit) = &state.scope else { return Ok(Vec::new()) };
    // It has no process any more, so systemd ends it, if not at once.
    let forgotten = systemd::forget(&Hierarchy::open()?, unit);
    Ok(forgotten.err().map(|error| error.to_string()).into_iter().collect())
}

fn remove_cgroup(own: &OwnCgroup) -> Result<()> {
    let hierarchy = Hierarchy::open()?;
    match own.id {
        Some(id) => match hierarchy.open_own(&own.path, id)? {
            Some(cgroup) => end(&cgroup),
            None => Ok(()),
        },
        // The creator was killed between making the group and writing down its number: nothing
        // was born in it.
        None => hierarchy.remove_if_unused(&own.path),
    }
}

fn end(cgroup: &Cgroup) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    cgroup.kill()?;
    cgroup.remove(deadline)
}
