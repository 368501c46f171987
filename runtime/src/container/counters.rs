//! The counters of a container's cgroup under the kernel's own names, for a supervisor that has
//! other words for them than runc (`statistics`): of one that has stopped, too, until it is
//! deleted.

use super::root::Root;
use super::state::own_cgroup;
use crate::cgroup::Cgroup;
use crate::error::{Doing, Result};
use crate::sys::file;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The cgroup of a container.
#[derive(Debug)]
pub struct Counters(Cgroup);

/// The cgroup above that of a container.
#[derive(Debug)]
pub struct CountersAbove(Cgroup);

/// The file that tells how often memory was short.
#[derive(Debug)]
pub struct MemoryEvents(OwnedFd);

/// The counters of the container `id`; `None` if it has no cgroup of its own, or none any more.
///
/// # Errors
///
/// [`Error::NotFound`](crate::error::Error::NotFound).
pub fn counters(root: &Root, id: &str) -> Result<Option<Counters>> {
    Ok(own_cgroup(&root.open_entry(id)?)?.map(Counters))
}

impl Counters {
    /// The contents of a file, or `None` if there is no such file: of a controller that the group
    /// does not have, or of a kernel that does not count it.
    ///
    /// # Errors
    ///
    /// [`Error::Kernel`](crate::error::Error::Kernel) if it cannot be read.
    pub fn read(&self, file: &str) -> Result<Option<String>> {
        self.0.read(file)
    }

    /// The names of the files that begin with `prefix`.
    ///
    /// # Errors
    ///
    /// [`Error::Kernel`](crate::error::Error::Kernel) if they cannot be listed.
    pub fn files(&self, prefix: &str) -> Result<Vec<String>> {
        self.0.files(prefix)
    }

    /// The cgroup above.
    #[must_use]
    pub fn above(self) -> CountersAbove {
        CountersAbove(self.0)
    }

    /// What tells of kills for want of memory; `None` without the controller.
    ///
    /// # Errors
    ///
    /// [`Error::Kernel`](crate::error::Error::Kernel) if it cannot be opened.
    pub fn memory_events(&self) -> Result<Option<MemoryEvents>> {
        Ok(self.0.memory_events()?.map(MemoryEvents))
    }
}

impl CountersAbove {
    /// As [`Counters::read`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn read(&self, file: &str) -> Result<Option<String>> {
        self.0.read_above(file)
    }

    /// As [`Counters::files`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn files(&self, prefix: &str) -> Result<Vec<String>> {
        self.0.files_above(prefix)
    }
}

impl MemoryEvents {
    /// How many processes were killed for want of memory. From here on a change is told again: the
    /// descriptor has an exceptional condition when something has changed since it was read.
    ///
    /// # Errors
    ///
    /// [`Error::Kernel`](crate::error::Error::Kernel) if it cannot be read.
    pub fn oom_kills(&self) -> Result<u64> {
        let mut buffer = [0; 256];
        let read = file::read_from_start(self.0.as_fd(), &mut buffer);
        let len = read.doing(|| "reading the memory events of a cgroup".to_owned())?;
        let text = String::from_utf8_lossy(buffer.get(..len).unwrap_or_default());
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        Ok(count.and_then(|count| count.parse().ok()).unwrap_or(0))
    }
}

impl AsFd for MemoryEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
