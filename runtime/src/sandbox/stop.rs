//! Stops a sandbox: its containers first, all at once, and then pause.

use super::{lock, members};
use crate::cgroup::Members;
use crate::container::{Root, Stopping, ask, end, own_cgroup};
use crate::error::{Doing, Error, Result};
use crate::sys::Errno;
use crate::sys::process::{self, SIGTERM};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How long pause may take to end when it is asked to: it does nothing before.
const PAUSE_PATIENCE: Duration = Duration::from_millis(500);

/// How long the kernel may take to end what is killed.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// Ends all containers of the sandbox `id`, with one grace period for all, then pause. Returns when
/// no process is left.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Timeout`] if processes are left that even SIGKILL does not end.
pub fn stop(root: &Root, id: &str, grace_period: Duration) -> Result<()> {
    // The lock is not held for the grace period, so that another stop with a shorter one
    // finds its way.
    let (pause, cgroup) = {
        let (locked, state) = lock(root, id)?;
        let pause = state.init.as_ref().map_or(Ok(None), |init| init.open_alive())?;
        (pause, own_cgroup(&locked.entry)?)
    };
    let mut stopping = Vec::new();
    for state in members(root, id)? {
        match root.open_entry(&state.id) {
            // Deleted since it was listed.
            Err(Error::NotFound(_)) => {}
            entry => stopping.push(Stopping::new(&entry?, state)?),
        }
    }
    ask(&stopping)?;
    // A pod that is frozen as a whole: its containers hear the signal when it is thawed.
    if let Some(cgroup) = &cgroup
        && cgroup.is_frozen()?
    {
        cgroup.thaw()?;
    }
    end(&stopping, grace_period)?;
    let Some(cgroup) = cgroup else { return Ok(()) };
    let mut rest = cgroup.members()?;
    if let Some(pause) = pause {
        ask_pause(pause.as_fd(), &mut rest)?;
    }
    // Whoever joined meanwhile, and pause if it did not hear.
    cgroup.kill()?;
    if rest.wait_until_over(Instant::now() + KILL_PATIENCE)? {
        return Ok(());
    }
    let left = rest.left();
    Err(Error::Timeout(format!("sandbox {id}: SIGKILL did not end {left:?}")))
}

/// Lets pause end by itself. Its descriptor does not tell when it has: the end of a PID namespace
/// is not over before its members are reaped, whoever their parents are.
fn ask_pause(pause: BorrowedFd<'_>, rest: &mut Members<'_>) -> Result<()> {
    match process::pidfd_send_signal(pause, SIGTERM) {
        Err(error) if error.errno() == Errno::ESRCH => return Ok(()),
        sent => sent.doing(|| "SIGTERM to pause".to_owned())?,
    }
    rest.wait_until_over(Instant::now() + PAUSE_PATIENCE).map(drop)
}
