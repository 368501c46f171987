//! The processes of a group, and their end, reaped or not.

use super::events::Events;
use super::group::Cgroup;
use crate::error::{Doing, Result};
use crate::sys::stat::stat;
use crate::sys::{Errno, poll, process};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// How many processes of a group are waited for one by one: those of many containers must fit into
/// this process's limit of descriptors.
const WATCHED: usize = 16;

/// How long a process that is on its way out is waited for before it is looked at again: nothing
/// tells that it has begun to wait for others.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The processes that are, or were, in a group or below it.
///
/// KERNEL(6.19): until then `populated 0` told that all have ended. Since then a group is populated
/// by whatever was not switched out for the last time, and the first process of a PID namespace is
/// not before all others in there are reaped; the caller who waits here may be the one to do that.
/// The kernel does not list it meanwhile.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    cgroup: &'a Cgroup,
    /// Those that have not ended, as far as is known.
    living: Vec<(i32, OwnedFd)>,
}

impl Cgroup {
    /// Its processes, to be waited for: to be called before they are asked to end or killed, since
    /// what is on its way out may not be listed any more.
    pub(crate) fn members(&self) -> Result<Members<'_>> {
        let mut members = Members { cgroup: self, living: Vec::new() };
        if self.is_populated()? {
            members.list()?;
        }
        Ok(members)
    }

    /// Whether every process has ended, but for what others have to do for it.
    pub(crate) fn is_over(&self) -> Result<bool> {
        Ok(!self.is_populated()? || self.members()?.are_over()?)
    }
}

impl Members<'_> {
    /// Waits until every process has ended, whoever reaps it; false if one has not by the deadline.
    pub(crate) fn wait_until_over(&mut self, deadline: Instant) -> Result<bool> {
        let doing = || self.cgroup.doing("watching cgroup.events");
        let Some(events) = Events::open(self.cgroup.fd()).doing(doing)? else { return Ok(true) };
        while events.read().doing(doing)?.populated {
            let pidfds = self.living.iter().map(|(_, pidfd)| pidfd.as_fd());
            let until = deadline.min(Instant::now() + LOOK_AGAIN);
            // Mostly all is told now, and nobody need be looked for.
            poll::changed_or_ended(events.as_fd(), pidfds, until)
                .doing(|| self.cgroup.doing("watching its processes"))?;
            if !events.read().doing(doing)?.populated || self.are_over()? {
                break;
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Those that have not ended, as far as is known.
    pub(crate) fn left(&self) -> Vec<i32> {
        self.living.iter().map(|(pid, _)| *pid).collect()
    }

    /// What has ended in the first look may have left a child that was not listed yet.
    fn are_over(&mut self) -> Result<bool> {
        Ok(self.look()? && self.look()?)
    }

    /// Looks who is there; whether nobody does anything any more.
    fn look(&mut self) -> Result<bool> {
        let all_are_known = self.list()?;
        self.living.retain(|(pid, pidfd)| !is_over(*pid, pidfd));
        Ok(all_are_known && self.living.is_empty())
    }

    /// Adds who is there; false if not all could be added.
    fn list(&mut self) -> Result<bool> {
        let mut all_are_known = true;
        for pid in self.cgroup.processes()? {
            if self.living.iter().any(|(known, _)| *known == pid) {
                continue;
            }
            if self.living.len() == WATCHED {
                all_are_known = false;
                break;
            }
            match process::pidfd_open(pid) {
                // It has ended since, and was reaped.
                Err(error) if error.errno() == Errno::ESRCH => {}
                opened => {
                    let pidfd = opened.doing(|| format!("process {pid}"))?;
                    self.living.push((pid, pidfd));
                }
            }
        }
        Ok(all_are_known)
    }
}

fn is_over(pid: i32, pidfd: &OwnedFd) -> bool {
    process::has_ended(pidfd.as_fd()).unwrap_or(false)
        || stat(pid).is_none_or(|stat| stat.waits_for_others)
}
