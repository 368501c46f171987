//! `cgroup.events`: whether there are processes in a group or below it, and whether all are frozen.

use super::group::Cgroup;
use super::is_gone;
use crate::error::{Doing, Result};
use crate::sys::file::{self, OFlag};
use crate::sys::{self, poll};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// The open file. The kernel tells of changes since it was last read (`POLLPRI`).
#[derive(Debug)]
pub(super) struct Events(OwnedFd);

/// What the file says.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) populated: bool,
    pub(super) frozen: bool,
}

/// How long a change may go unseen that the kernel does not tell of: it puts notices off by up to
/// 10 ms, and forgets those of a group that somebody else removes meanwhile (`cgroup_rm_file`).
const RECHECK: Duration = Duration::from_millis(50);

impl Events {
    /// `None` if the group was removed.
    pub(super) fn open(dir: BorrowedFd<'_>) -> sys::Result<Option<Self>> {
        match file::open_beneath(dir, c"cgroup.events", OFlag::O_RDONLY) {
            Err(error) if is_gone(&error) => Ok(None),
            opened => opened.map(|fd| Some(Self(fd))),
        }
    }

    /// To wait for more than its changes.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// A group that was removed is neither populated nor frozen.
    pub(super) fn read(&self) -> sys::Result<State> {
        let mut buffer = [0; 256];
        match file::read_from_start(self.0.as_fd(), &mut buffer) {
            Err(error) if is_gone(&error) => Ok(State::default()),
            read => Ok(State::parse(&String::from_utf8_lossy(&buffer[..read?]))),
        }
    }

    /// Waits for a state that is `wanted`; false if there was none before the deadline.
    pub(super) fn wait_for(
        &self,
        wanted: impl Fn(State) -> bool,
        deadline: Instant,
    ) -> sys::Result<bool> {
        loop {
            if wanted(self.read()?) {
                return Ok(true);
            }
            let soon = deadline.min(Instant::now() + RECHECK);
            if !poll::changed(self.0.as_fd(), soon)? && Instant::now() >= deadline {
                return Ok(wanted(self.read()?));
            }
        }
    }
}

impl State {
    fn parse(text: &str) -> Self {
        let is_set = |key: &str| value_of(text, key) == Some("1");
        Self { populated: is_set("populated"), frozen: is_set("frozen") }
    }
}

/// Tells of changes to `cgroup.events`, and to `memory.events` where there is one.
#[derive(Debug)]
pub(crate) struct Alarm(Vec<OwnedFd>);

impl Cgroup {
    /// To be woken when processes end or are killed.
    pub(crate) fn alarm(&self) -> Result<Alarm> {
        let doing = || self.doing("watching its events");
        let mut files = Vec::new();
        for name in [c"cgroup.events", c"memory.events"] {
            match file::open_beneath(self.fd(), name, OFlag::O_RDONLY) {
                Err(error) if is_gone(&error) => {}
                opened => files.push(opened.doing(doing)?),
            }
        }
        Ok(Alarm(files))
    }
}

impl Cgroup {
    /// Tells of changes to `memory.events`; `None` without the controller.
    pub(crate) fn memory_events(&self) -> Result<Option<OwnedFd>> {
        match file::open_beneath(self.fd(), c"memory.events", OFlag::O_RDONLY) {
            Err(error) if is_gone(&error) => Ok(None),
            opened => opened.doing(|| self.doing("watching its memory")).map(Some),
        }
    }
}

impl Alarm {
    /// From here on changes are told: the kernel compares with what was read last.
    pub(crate) fn rearm(&self) -> Result<()> {
        for file in &self.0 {
            match file::read_from_start(file.as_fd(), &mut [0; 256]) {
                Err(error) if is_gone(&error) => {}
                read => drop(read.doing(|| "reading the events of a cgroup".to_owned())?),
            }
        }
        Ok(())
    }

    /// Waits for a change; false if there was none by the deadline.
    pub(crate) fn wait(&self, deadline: Instant) -> Result<bool> {
        let files: Vec<_> = self.0.iter().map(AsFd::as_fd).collect();
        let changed = poll::any_changed(&files, deadline);
        changed.doing(|| "waiting for the events of a cgroup".to_owned())
    }
}

/// The value in a file with lines of the form `key value`.
pub(super) fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs.into_iter().find(|(found, _)| *found == key).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_by_its_keys() {
        let state = |populated, frozen| State { populated, frozen };
        assert_eq!(State::parse("populated 1\nfrozen 0\n"), state(true, false));
        assert_eq!(State::parse("new 7\nfrozen 1\npopulated 0\n"), state(false, true));
        assert_eq!(State::parse(""), state(false, false));
    }
}
