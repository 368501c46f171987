//! Waits for the end of a container that is nobody's child any more, or somebody else's.

use super::identity::Identity;
use super::root::Root;
use super::state::State;
use crate::error::{Doing, Error, Result};
use crate::sys::{Errno, poll, process};
use std::os::fd::{AsFd, BorrowedFd};

/// Waits until the first process of the container `id` has ended; answers with its exit code, or
/// 128 and the signal that ended it.
///
/// Whoever holds a descriptor of a process when it is reaped can still be told how it ended: so
/// this has to be asked before.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::WrongState`] if it has ended and was reaped already;
/// [`Error::Unsupported`] before Linux 6.15, where only the parent is told.
pub fn wait(root: &Root, id: &str) -> Result<u8> {
    let entry = root.open_entry(id)?;
    let state = State::load(&entry)?;
    state.must_be_a_container()?;
    let gone = || {
        let reason = "has ended, and how was told only to whoever has reaped it";
        Error::WrongState(format!("container {id} {reason}"))
    };
    let init = state.init.as_ref().ok_or_else(gone)?;
    let pidfd = init.open_present()?.ok_or_else(gone)?;
    // Asked first: where it will not be told, nobody shall wait for nothing.
    status(init, pidfd.as_fd())?;
    poll::readable(&[pidfd.as_fd()], None).doing(|| format!("waiting for container {id}"))?;
    status(init, pidfd.as_fd())?.map(process::exit_code_of).ok_or_else(gone)
}

/// How a process has ended, if it has: told by its zombie, or by the kernel when that is reaped.
fn status(init: &Identity, pidfd: BorrowedFd<'_>) -> Result<Option<i32>> {
    if let Some(status) = init.wait_status() {
        return Ok(Some(status));
    }
    match process::wait_status_of(pidfd) {
        // The last one: reaped between the two questions, or before.
        Err(error) if matches!(error.errno(), Errno::ENOTTY | Errno::EINVAL | Errno::ESRCH) => {
            let reason = "needs Linux 6.15 or later, where others than the parent of a process are \
                          told how it ended";
            Err(Error::unsupported("wait", reason))
        }
        asked => asked.doing(|| format!("process {}", init.pid)),
    }
}
