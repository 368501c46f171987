//! Which process it is: a number alone may have been given to another one since.

use crate::error::{Doing, Result};
use crate::sys::file::{self, OFlag};
use crate::sys::stat::{Stat, stat};
use crate::sys::{Errno, process};
use serde::{Deserialize, Serialize};
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

/// A process, told apart from every other that has, had or will have its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identity {
    pub(crate) pid: i32,
    /// In clock ticks since boot: field 22 of `/proc/PID/stat`.
    start_time: u64,
    boot_id: String,
}

impl Identity {
    /// The process that has the number `pid` now. The caller makes sure that it does not
    /// end meanwhile.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, start_time: stat(pid)?.start_time, boot_id: boot_id()? })
    }

    /// A pidfd of the process and what is said of it, or `None` if it is gone. One that is dead and
    /// not yet reaped is still there.
    fn find(&self) -> Result<Option<(OwnedFd, Stat)>> {
        if boot_id().as_ref() != Some(&self.boot_id) {
            return Ok(None);
        }
        let pidfd = match process::pidfd_open(self.pid) {
            Err(error) if error.errno() == Errno::ESRCH => return Ok(None),
            opened => opened.doing(|| format!("process {}", self.pid))?,
        };
        // The order matters: what the descriptor names cannot change any more.
        let stat = stat(self.pid).filter(|stat| stat.start_time == self.start_time);
        Ok(stat.map(|stat| (pidfd, stat)))
    }

    /// A pidfd of the process, or `None` if it has ended and was reaped.
    pub(crate) fn open_present(&self) -> Result<Option<OwnedFd>> {
        Ok(self.find()?.map(|(pidfd, _)| pidfd))
    }

    /// How the process ended, as waitid(2) has it, while nobody has reaped it.
    pub(crate) fn wait_status(&self) -> Option<i32> {
        stat(self.pid).filter(|stat| stat.start_time == self.start_time)?.wait_status
    }

    /// A pidfd of the process, or `None` if it has ended, but for what others have to do for it.
    pub(crate) fn open_alive(&self) -> Result<Option<OwnedFd>> {
        let Some((pidfd, stat)) = self.find()? else { return Ok(None) };
        let ended = process::has_ended(pidfd.as_fd()).doing(|| format!("process {}", self.pid))?;
        Ok((!ended && !stat.waits_for_others).then_some(pidfd))
    }
}

fn boot_id() -> Option<String> {
    let id = String::from_utf8(read("/proc/sys/kernel/random/boot_id")?).ok()?;
    Some(id.trim_end().to_owned())
}

/// Not by procfs' own readers: those look for the kernel's version first, and each verb comes by
/// here.
fn read(path: &str) -> Option<Vec<u8>> {
    let path = CString::new(path).ok()?;
    file::read_to_end(file::open(&path, OFlag::O_RDONLY).ok()?, LIMIT).ok()
}

/// More than either file has.
const LIMIT: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_more_than_its_number() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let this = Identity::of(pid).unwrap();
        assert!(this.open_alive().unwrap().is_some());
        let earlier = Identity { start_time: this.start_time - 1, ..this.clone() };
        assert!(earlier.find().unwrap().is_none());
        let before_reboot = Identity { boot_id: "another".to_owned(), ..this };
        assert!(before_reboot.find().unwrap().is_none());
    }
}
