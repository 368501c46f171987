//! Waits for what happens to a container.

use super::root::Root;
use super::statistics::{Statistics, running};
use crate::cgroup::{Alarm, Cgroup};
use crate::error::Result;
use std::time::Instant;

/// A container that is watched.
#[derive(Debug)]
pub struct Watch {
    cgroup: Cgroup,
    alarm: Alarm,
    /// How many of its processes were killed for want of memory, as far as that was told.
    oom_kills: u64,
}

/// What was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// The kernel has killed processes of the container for want of memory.
    OutOfMemory,
    /// It has no process any more.
    End,
    /// Nothing, until then.
    Nothing,
}

impl Watch {
    /// Begins to watch the container `id`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::error::Error::NotFound);
    /// [`Error::WrongState`](crate::error::Error::WrongState) if it has stopped.
    pub fn open(root: &Root, id: &str) -> Result<Self> {
        let cgroup = running(root, id)?;
        let alarm = cgroup.alarm()?;
        let oom_kills = cgroup.oom_kills()?;
        Ok(Self { cgroup, alarm, oom_kills })
    }

    /// What the container uses now.
    ///
    /// # Errors
    ///
    /// [`Error::Kernel`](crate::error::Error::Kernel) if it cannot be read.
    pub fn statistics(&self) -> Result<Statistics> {
        Statistics::of(&self.cgroup)
    }

    /// Waits for something to happen, until `deadline`.
    ///
    /// # Errors
    ///
    /// [`Error::Kernel`](crate::error::Error::Kernel) if it cannot be waited for.
    pub fn wait(&mut self, deadline: Instant) -> Result<Happening> {
        loop {
            self.alarm.rearm()?;
            let oom_kills = self.cgroup.oom_kills()?;
            if oom_kills > self.oom_kills {
                self.oom_kills = oom_kills;
                return Ok(Happening::OutOfMemory);
            }
            if !self.cgroup.is_populated()? {
                return Ok(Happening::End);
            }
            if !self.alarm.wait(deadline)? {
                return Ok(Happening::Nothing);
            }
        }
    }
}
