//! Sends a signal to a container.

use super::root::Root;
use super::state::{State, Status, own_cgroup};
use crate::cgroup::Cgroup;
use crate::error::{Doing, Error, Result};
use crate::sys::process::{self, SIGKILL};
use crate::sys::signal::name;
use crate::sys::{Errno, Result as SysResult};
use std::os::fd::AsFd;

/// Which processes of a container a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Its first one.
    Init,
    /// All that are in its cgroup.
    All,
}

/// Sends the signal `signal`. SIGKILL always goes to all: in a PID namespace that is shared with
/// others the death of the first process would leave the rest alive.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::WrongState`] if nothing of it runs, except with [`Target::All`],
/// which is done then.
pub fn kill(root: &Root, id: &str, signal: i32, target: Target) -> Result<()> {
    let entry = root.open_entry(id)?;
    let state = State::load(&entry)?;
    let cgroup = own_cgroup(&entry)?;
    let not_running = || Error::WrongState(format!("container not running: {id}"));
    if target == Target::All || signal == SIGKILL {
        return match cgroup.as_ref() {
            Some(cgroup) if cgroup.is_populated()? => match signal {
                SIGKILL => cgroup.kill(),
                _ => signal_all(cgroup, signal),
            },
            // containerd's shim asks for it once more when the first process has ended: that
            // nobody is left is what it wants.
            _ if target == Target::All => Ok(()),
            _ => Err(not_running()),
        };
    }
    if state.status(&entry, cgroup.as_ref())? == Status::Stopped {
        return Err(not_running());
    }
    let init = state.init.as_ref().ok_or_else(not_running)?;
    let pidfd = init.open_alive()?.ok_or_else(not_running)?;
    ignore_ended(process::pidfd_send_signal(pidfd.as_fd(), signal))
        .doing(|| format!("{} to container {id}", name(signal)))
}

fn signal_all(cgroup: &Cgroup, signal: i32) -> Result<()> {
    for pid in cgroup.processes()? {
        // Between the list and the descriptor it may have ended; that the number was given away
        // again at once, into the same moment, is what the second look excludes.
        let Ok(pidfd) = process::pidfd_open(pid) else { continue };
        if cgroup.processes()?.contains(&pid) {
            ignore_ended(process::pidfd_send_signal(pidfd.as_fd(), signal))
                .doing(|| format!("{} to process {pid}", name(signal)))?;
        }
    }
    Ok(())
}

fn ignore_ended(sent: SysResult<()>) -> SysResult<()> {
    match sent {
        Err(error) if error.errno() == Errno::ESRCH => Ok(()),
        other => other,
    }
}
