//! Stops a container: its stop signal, the grace period, and then SIGKILL for all that
//! is left of it.

use super::root::{Entry, Root};
use super::state::{State, Status, own_cgroup};
use crate::cgroup::{Cgroup, Members};
use crate::error::{Doing, Error, Result};
use crate::sys::signal::name;
use crate::sys::{Errno, poll, process};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long the kernel may take to end processes that were killed.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// Stops the container `id`, and returns when no process of it is left.
///
/// Nothing of the grace period is written down: a `stop` that was itself killed gives all of it
/// again when it is repeated.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Timeout`] if processes are left that even SIGKILL does not end.
pub fn stop(root: &Root, id: &str, grace_period: Duration) -> Result<()> {
    let entry = root.open_entry(id)?;
    let state = State::load(&entry)?;
    if state.is_sandbox() {
        let message = format!("{id} is a sandbox: sandbox stop ends it with its containers");
        return Err(Error::WrongState(message));
    }
    let stopping = [Stopping::new(&entry, state)?];
    ask(&stopping)?;
    end(&stopping, grace_period)
}

/// A container that is being stopped.
#[derive(Debug)]
pub(crate) struct Stopping {
    id: String,
    signal: i32,
    cgroup: Option<Cgroup>,
    /// Its first process, if it lives and its program can be asked to end.
    init: Option<OwnedFd>,
}

impl Stopping {
    pub(crate) fn new(entry: &Entry, state: State) -> Result<Self> {
        let cgroup = own_cgroup(entry)?;
        let init = match state.status(entry, cgroup.as_ref())? {
            Status::Running | Status::Paused => match &state.init {
                Some(init) => init.open_alive()?,
                None => None,
            },
            // There is no program yet that could do anything with the grace period.
            Status::Creating | Status::Created | Status::Stopped => None,
        };
        Ok(Self { id: state.id, signal: state.stop_signal, cgroup, init })
    }

    fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.init.as_ref().map(AsFd::as_fd)
    }

    fn ask(&self) -> Result<()> {
        let Some(pidfd) = self.pidfd() else { return Ok(()) };
        match process::pidfd_send_signal(pidfd, self.signal) {
            Err(error) if error.errno() == Errno::ESRCH => Ok(()),
            sent => sent.doing(|| format!("{} to container {}", name(self.signal), self.id)),
        }
    }

    /// A frozen program gets its signal when it is thawed: in this order it acts on it first.
    fn thaw(&self) -> Result<()> {
        match &self.cgroup {
            Some(cgroup) if cgroup.is_frozen()? => cgroup.thaw(),
            _ => Ok(()),
        }
    }

    /// Kills what is left, and answers with whom to wait for.
    fn kill(&self) -> Result<Option<Members<'_>>> {
        let Some(cgroup) = &self.cgroup else { return Ok(None) };
        let members = cgroup.members()?;
        cgroup.kill()?;
        Ok(Some(members))
    }

    fn wait_until_over(&self, members: Option<Members<'_>>, deadline: Instant) -> Result<()> {
        let Some(mut members) = members else { return Ok(()) };
        if members.wait_until_over(deadline)? {
            return Ok(());
        }
        let left = members.left();
        Err(Error::Timeout(format!("container {}: SIGKILL did not end {left:?}", self.id)))
    }
}

/// Asks containers to end, all at once.
pub(crate) fn ask(stopping: &[Stopping]) -> Result<()> {
    stopping.iter().try_for_each(Stopping::ask)?;
    stopping.iter().try_for_each(Stopping::thaw)
}

/// Gives containers that were asked to end one grace period for all, and kills what is left then.
pub(crate) fn end(stopping: &[Stopping], grace_period: Duration) -> Result<()> {
    let deadline = Instant::now() + grace_period;
    wait_for_all(stopping, deadline)?;
    // Children that outlived their container's first process have had the grace period too.
    let killed = stopping.iter().map(|container| Ok((container, container.kill()?)));
    let killed = killed.collect::<Result<Vec<_>>>()?;
    let deadline = Instant::now() + KILL_PATIENCE;
    killed.into_iter().try_for_each(|(container, left)| container.wait_until_over(left, deadline))
}

fn wait_for_all(stopping: &[Stopping], deadline: Instant) -> Result<()> {
    let mut living: Vec<_> = stopping.iter().filter_map(Stopping::pidfd).collect();
    while !living.is_empty() {
        let ended = poll::readable(&living, Some(deadline)).doing(|| "waiting".to_owned())?;
        if !ended.contains(&true) {
            break;
        }
        let mut ended = ended.into_iter();
        living.retain(|_| !ended.next().unwrap_or(false));
    }
    Ok(())
}
