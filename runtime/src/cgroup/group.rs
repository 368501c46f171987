//! One group: its processes, its freezer, its limits.

use super::events::{Events, State, value_of};
use super::{Names, is_gone, read, tree, write};
use crate::error::{Doing, Error, Result};
use crate::plan::cgroup::{Missing, Write};
use crate::sys::file::{self, OFlag};
use crate::sys::{self, Errno};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

/// A group that we made.
#[derive(Debug)]
pub(crate) struct Cgroup {
    pub(super) parent: OwnedFd,
    pub(super) name: CString,
    path: String,
    fd: OwnedFd,
    id: u64,
}

impl Cgroup {
    pub(super) fn open(parent: OwnedFd, names: &Names) -> sys::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        let fd = file::open_beneath(parent.as_fd(), &names.name, flags)?;
        let id = file::fstat(fd.as_fd())?.st_ino;
        Ok(Self { parent, name: names.name.clone(), path: names.path.clone(), fd, id })
    }

    /// The directory, for a process to be born in.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Its path from the root of the hierarchy.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// What no other group has had or will have.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Sets a limit.
    pub(crate) fn write(&self, limit: &Write) -> Result<()> {
        let Write { file, value, field, if_missing } = limit;
        let doing = |file: &str, value: &str| {
            format!("{field}: writing {value:?} to {file} of cgroup {}", self.path)
        };
        match (write(self.fd(), &c_name(file), value), if_missing) {
            (Err(error), Missing::Ignore) if error.errno() == Errno::ENOENT => Ok(()),
            (Err(error), Missing::Write { file, value }) if error.errno() == Errno::ENOENT => {
                write(self.fd(), &c_name(file), value).doing(|| doing(file, value))
            }
            (written, _) => written.doing(|| doing(file, value)),
        }
    }

    /// Sets limits, in this order. When a quota and a burst change together, either may be refused
    /// because of the old value of the other one: what is invalid is tried once more at the end.
    pub(crate) fn write_all<'w>(&self, limits: impl IntoIterator<Item = &'w Write>) -> Result<()> {
        let mut again = Vec::new();
        for limit in limits {
            match self.write(limit) {
                Err(Error::Kernel { source, .. }) if source.errno() == Errno::EINVAL => {
                    again.push(limit);
                }
                written => written?,
            }
        }
        again.into_iter().try_for_each(|limit| self.write(limit))
    }

    /// The contents of a file of the group, or `None` if there is no such file: of a controller
    /// that the group does not have, or of a kernel that counts no pressure.
    pub(crate) fn read(&self, file: &str) -> Result<Option<String>> {
        self.read_in(self.fd(), file)
    }

    /// The same of the group above.
    pub(crate) fn read_above(&self, file: &str) -> Result<Option<String>> {
        self.read_in(self.parent.as_fd(), file)
    }

    fn read_in(&self, directory: BorrowedFd<'_>, file: &str) -> Result<Option<String>> {
        match read(directory, &c_name(file)) {
            Err(error) if is_gone(&error) || error.errno() == Errno::EOPNOTSUPP => Ok(None),
            text => text.doing(|| self.doing(&format!("reading {file}"))).map(Some),
        }
    }

    /// The names of the files of the group that begin with `prefix`; none if it was removed.
    pub(crate) fn files(&self, prefix: &str) -> Result<Vec<String>> {
        self.files_in(self.fd(), prefix)
    }

    /// The same of the group above.
    pub(crate) fn files_above(&self, prefix: &str) -> Result<Vec<String>> {
        self.files_in(self.parent.as_fd(), prefix)
    }

    fn files_in(&self, directory: BorrowedFd<'_>, prefix: &str) -> Result<Vec<String>> {
        let names = match file::names(directory) {
            Err(error) if is_gone(&error) => return Ok(Vec::new()),
            names => names.doing(|| self.doing("listing its files"))?,
        };
        let names = names.into_iter().filter_map(|(name, _)| name.into_string().ok());
        Ok(names.filter(|name| name.starts_with(prefix)).collect())
    }

    /// Kills every process in the group and below it, those that are just being born included.
    pub(crate) fn kill(&self) -> Result<()> {
        match write(self.fd(), c"cgroup.kill", "1") {
            Err(error) if is_gone(&error) => Ok(()),
            written => written.doing(|| self.doing("killing the processes")),
        }
    }

    /// Whether there is a process in the group or below it. Zombies do not count.
    pub(crate) fn is_populated(&self) -> Result<bool> {
        Ok(self.state()?.populated)
    }

    /// Waits until there is no process in the group or below it; false if there still is one then.
    pub(crate) fn wait_until_empty(&self, deadline: Instant) -> Result<bool> {
        self.wait_for(|state| !state.populated, deadline)
    }

    /// Stops every process in the group and below it, and waits until all have stopped; false if
    /// one has not. What has stopped stays so then too.
    pub(crate) fn freeze(&self, deadline: Instant) -> Result<bool> {
        write(self.fd(), c"cgroup.freeze", "1").doing(|| self.doing("freezing"))?;
        self.wait_for(|state| state.frozen, deadline)
    }

    /// Lets the processes go on.
    pub(crate) fn thaw(&self) -> Result<()> {
        match write(self.fd(), c"cgroup.freeze", "0") {
            Err(error) if is_gone(&error) => Ok(()),
            written => written.doing(|| self.doing("thawing")),
        }
    }

    /// Waits until there is no frozen process any more; false if there still is one then.
    pub(crate) fn wait_until_thawed(&self, deadline: Instant) -> Result<bool> {
        self.wait_for(|state| !state.frozen, deadline)
    }

    /// Whether this group is frozen or is to be, as soon as all its processes are where they can
    /// stop.
    pub(crate) fn is_to_be_frozen(&self) -> Result<bool> {
        Ok(self.read("cgroup.freeze")?.is_some_and(|text| text.trim() == "1"))
    }

    /// Whether all processes are frozen, by this group or by one above it.
    pub(crate) fn is_frozen(&self) -> Result<bool> {
        Ok(self.state()?.frozen)
    }

    /// The processes in the group and below it, as this PID namespace knows them.
    pub(crate) fn processes(&self) -> Result<Vec<i32>> {
        let mut pids = Vec::new();
        tree::visit(self.fd(), |dir, _, _| processes_in(dir, &mut pids))
            .and_then(|()| processes_in(self.fd(), &mut pids))
            .doing(|| self.doing("listing the processes"))?;
        pids.sort_unstable();
        Ok(pids)
    }

    /// How many processes in the group and below it were killed for want of memory; 0 without
    /// the controller.
    pub(crate) fn oom_kills(&self) -> Result<u64> {
        let events = self.read("memory.events")?.unwrap_or_default();
        Ok(value_of(&events, "oom_kill").and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// The names of the groups in this one.
    #[cfg(test)]
    pub(crate) fn children(&self) -> Result<Vec<String>> {
        let found = tree::children(self.fd()).doing(|| self.doing("listing the groups"))?;
        Ok(found.into_iter().map(|name| name.to_string_lossy().into_owned()).collect())
    }

    fn state(&self) -> Result<State> {
        let doing = || self.doing("reading cgroup.events");
        let events = Events::open(self.fd()).doing(doing)?;
        events.map_or(Ok(State::default()), |events| events.read()).doing(doing)
    }

    fn wait_for(&self, wanted: impl Fn(State) -> bool, deadline: Instant) -> Result<bool> {
        let doing = || self.doing("watching cgroup.events");
        match Events::open(self.fd()).doing(doing)? {
            Some(events) => events.wait_for(wanted, deadline).doing(doing),
            None => Ok(wanted(State::default())),
        }
    }

    pub(super) fn doing(&self, what: &str) -> String {
        format!("cgroup {}: {what}", self.path)
    }
}

/// The processes in one group. A threaded group has none: they are listed in the domain above it.
fn processes_in(dir: BorrowedFd<'_>, pids: &mut Vec<i32>) -> sys::Result<()> {
    match read(dir, c"cgroup.procs") {
        Err(error) if is_gone(&error) || error.errno() == Errno::EOPNOTSUPP => Ok(()),
        text => {
            // 0 is a process that this PID namespace does not see.
            let seen = |pid: &i32| *pid != 0;
            pids.extend(text?.lines().filter_map(|line| line.parse().ok()).filter(seen));
            Ok(())
        }
    }
}

/// The name of a file of the plan, which has seen that there is no NUL byte in it.
pub(super) fn c_name(file: &str) -> CString {
    CString::new(file).unwrap_or_default()
}
