//! Control groups: cgroup v2, and only groups that we made.
//!
//! A group is a directory that is held open. It is known by its path and by its id, the number of
//! its inode, which the kernel never uses again: whoever finds the path taken by another group
//! leaves that alone.

mod create;
mod delegate;
mod devices;
mod events;
mod group;
mod members;
mod remove;
pub(crate) mod systemd;
mod tree;
mod update;

use crate::error::{Doing, Error, Result};
use crate::plan::cgroup::CgroupPlan;
use crate::plan::cgroup::place::DEFAULT_PARENT;
use crate::sys::file::{self, OFlag};
use crate::sys::{self, Errno};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

pub(crate) use create::NewCgroup;
pub(crate) use events::Alarm;
use events::{Events, State};
pub(crate) use group::Cgroup;
pub(crate) use members::Members;

/// Where the cgroup v2 hierarchy is: alone, or beside hierarchies of cgroup v1 ("hybrid").
const MOUNT_POINTS: [&CStr; 2] = [c"/sys/fs/cgroup", c"/sys/fs/cgroup/unified"];

/// include/uapi/linux/magic.h
const CGROUP2_SUPER_MAGIC: i64 = 0x6367_7270;

/// No file of cgroupfs that we read is longer, `cgroup.procs` with all pids of a machine included.
const FILE_LIMIT: usize = 64 << 20;

/// What stands for the absence of a limit.
const UNLIMITED: &str = "max";

/// The mounted hierarchy.
#[derive(Debug, Clone)]
pub(crate) struct Hierarchy {
    root: Rc<OwnedFd>,
}

impl Hierarchy {
    /// The hierarchy of this mount namespace.
    pub(crate) fn open() -> Result<Self> {
        for path in MOUNT_POINTS {
            let doing = || format!("cgroup v2 at {path:?}");
            let root = match file::open(path, OFlag::O_PATH | OFlag::O_DIRECTORY) {
                Err(error) if error.errno() == Errno::ENOENT => continue,
                opened => opened.doing(doing)?,
            };
            if file::filesystem_magic(root.as_fd()).doing(doing)? == CGROUP2_SUPER_MAGIC {
                return Ok(Self { root: Rc::new(root) });
            }
        }
        Err(Error::unsupported("cgroup v2", "not mounted at /sys/fs/cgroup"))
    }

    /// The group of that path, if it still is the one that was made with that id.
    pub(crate) fn open_own(&self, path: &str, id: u64) -> Result<Option<Cgroup>> {
        let doing = || format!("cgroup {path}");
        let names = Names::parse(path)?;
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        let parent = relative(names.above.last().map_or("", |(path, _)| path));
        let parent = match file::open_beneath(self.root.as_fd(), &parent, flags) {
            Err(error) if is_gone(&error) => return Ok(None),
            opened => opened.doing(doing)?,
        };
        match Cgroup::open(parent, &names) {
            Err(error) if is_gone(&error) => Ok(None),
            opened => Ok(Some(opened.doing(doing)?).filter(|cgroup| cgroup.id() == id)),
        }
    }

    /// Whether there is a process in the group of that path, ours or not; in none that is gone.
    fn is_populated(&self, path: &str) -> Result<bool> {
        let doing = || format!("cgroup {path}: reading cgroup.events");
        let events = match self.open_path(path) {
            Err(error) if is_gone(&error) => return Ok(false),
            dir => Events::open(dir.doing(doing)?.as_fd()).doing(doing)?,
        };
        let state = events.map_or(Ok(State::default()), |events| events.read()).doing(doing)?;
        Ok(state.populated)
    }

    /// The directory of any group, ours or not.
    pub(crate) fn open_path(&self, path: &str) -> sys::Result<OwnedFd> {
        file::open_beneath(self.root.as_fd(), &relative(path), OFlag::O_PATH | OFlag::O_DIRECTORY)
    }
}

/// A path from the root of the hierarchy, taken apart. There is at least one name in it.
#[derive(Debug)]
struct Names {
    path: String,
    /// The groups above from the top: the path, and the name in the one before.
    above: Vec<(String, CString)>,
    name: CString,
}

impl Names {
    fn parse(path: &str) -> Result<Self> {
        let invalid = |reason| Error::invalid("cgroup", format!("{path:?}"), reason);
        let mut groups = Vec::new();
        let mut so_far = String::new();
        for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
            if part == ".." {
                return Err(invalid("must not contain .."));
            }
            so_far.push('/');
            so_far.push_str(part);
            let name = CString::new(part).map_err(|_| invalid("contains a NUL byte"))?;
            groups.push((so_far.clone(), name));
        }
        let (path, name) = groups.pop().ok_or_else(|| invalid("the root cgroup is not ours"))?;
        Ok(Self { path, above: groups, name })
    }
}

/// The path of a group as seen from the root of the hierarchy.
fn relative(path: &str) -> CString {
    // `Names` let no NUL byte in; an empty path opens nothing.
    CString::new(format!(".{path}")).unwrap_or_default()
}

/// Whether an error means that the group was removed: its files are missing, or are there no more.
fn is_gone(error: &sys::Error) -> bool {
    matches!(error.errno(), Errno::ENOENT | Errno::ENODEV)
}

/// The contents of a file of a group.
fn read(dir: BorrowedFd<'_>, name: &CStr) -> sys::Result<String> {
    let fd = file::open_beneath(dir, name, OFlag::O_RDONLY)?;
    let bytes = file::read_to_end(fd, FILE_LIMIT)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes into a file of a group.
fn write(dir: BorrowedFd<'_>, name: &CStr, value: &str) -> sys::Result<()> {
    let fd = file::open_beneath(dir, name, OFlag::O_WRONLY)?;
    file::write(fd.as_fd(), value.as_bytes())
}

#[cfg(test)]
mod tests;
