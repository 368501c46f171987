//! Removes a group and all that is below it.

use super::group::Cgroup;
use super::members::LOOK_AGAIN;
use super::{DEFAULT_PARENT, Hierarchy, Names, is_gone, relative, tree};
use crate::error::{Doing, Error, Result};
use crate::sys::{self, Errno, file};
use procfs::process::Process;
use std::os::fd::AsFd;
use std::time::Instant;

/// How many processes an error names.
const NAMED: usize = 5;

impl Hierarchy {
    /// Removes the group `path` if nothing is in it, for a creator that was killed before it could
    /// note which group it had made. One that is in use is somebody else's.
    pub(crate) fn remove_if_unused(&self, path: &str) -> Result<()> {
        let names = Names::parse(path)?;
        tolerate(file::rmdirat(self.root.as_fd(), &relative(&names.path)))
            .doing(|| format!("removing cgroup {path}"))
    }
}

impl Cgroup {
    /// Removes the group, and every group below it first. That it is gone already is fine.
    ///
    /// Processes that are on their way out are waited for until the deadline; those that are left
    /// then are named in the error.
    pub(crate) fn remove(&self, deadline: Instant) -> Result<()> {
        let doing = || self.doing("removing");
        while self.is_there().doing(doing)? {
            tree::visit(self.fd(), |_, parent, name| tolerate(file::rmdirat(parent, name)))
                .doing(doing)?;
            match file::rmdirat(self.parent.as_fd(), &self.name) {
                Err(error) if error.errno() == Errno::EBUSY => {}
                removed => {
                    tolerate(removed).doing(doing)?;
                    break;
                }
            }
            if !self.members()?.wait_until_over(deadline)? || Instant::now() >= deadline {
                return Err(self.not_empty()?);
            }
            // Busy without a process means that a group was made in it just now, which the next
            // round finds; or that it is populated by what is over (see `Members`): the kernel lets
            // it be removed in a moment, or when that is reaped.
            self.wait_until_empty(deadline.min(Instant::now() + LOOK_AGAIN))?;
        }
        self.remove_default_parent().doing(doing)
    }

    /// Whether the path still leads to this group, and not to one that was made in its place.
    fn is_there(&self) -> sys::Result<bool> {
        match file::fstatat(self.parent.as_fd(), &self.name) {
            Err(error) if is_gone(&error) => Ok(false),
            found => Ok(found?.st_ino == self.id()),
        }
    }

    fn remove_default_parent(&self) -> sys::Result<()> {
        let Some((DEFAULT_PARENT, _)) = self.path().rsplit_once('/') else { return Ok(()) };
        let Ok(root) = file::open_parent(self.parent.as_fd()) else { return Ok(()) };
        tolerate(file::rmdirat(root.as_fd(), &relative(DEFAULT_PARENT)))
    }

    fn not_empty(&self) -> Result<Error> {
        let processes = self.processes().unwrap_or_default();
        let mut message = format!("cgroup {} cannot be removed: it still has ", self.path());
        if processes.is_empty() {
            let what = if self.is_populated()? { "processes to be reaped" } else { "groups in it" };
            message.push_str(what);
        }
        let shown: Vec<_> = processes.iter().take(NAMED).map(|pid| describe(*pid)).collect();
        message.push_str(&shown.join(", "));
        if processes.len() > NAMED {
            message.push_str(&format!(" and {} more", processes.len() - NAMED));
        }
        Ok(Error::Timeout(message))
    }
}

/// A group that is busy or gone is no error while others may still be removed.
fn tolerate(removed: sys::Result<()>) -> sys::Result<()> {
    match removed {
        Err(error) if is_gone(&error) || error.errno() == Errno::EBUSY => Ok(()),
        removed => removed,
    }
}

/// A process, and what it is doing instead of ending.
fn describe(pid: i32) -> String {
    let Ok(process) = Process::new(pid) else { return format!("process {pid}") };
    let Ok(stat) = process.stat() else { return format!("process {pid}") };
    let place = match process.wchan() {
        Ok(wchan) if stat.state == 'D' => format!(" in {wchan}"),
        _ => String::new(),
    };
    format!("process {pid} ({:?}, state {}{place})", stat.comm, stat.state)
}
