//! Mounts and unmounts in a container that runs.

use super::root::{Entry, Root};
use super::state::{State, Status, own_cgroup};
use crate::error::{Doing, Error, Result};
use crate::init;
use crate::plan::{Target, added_mounts};
use crate::spec;
use crate::sys::file::{self, OFlag};
use crate::sys::process::CloneFlags;
use crate::sys::{self, identity, namespace};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Adds the mounts in the file `path` to the container `id`: the `mounts` of a config.json. All of
/// them, or none.
///
/// # Errors
///
/// [`Error::InvalidSpec`] and [`Error::Unsupported`] for what makes no sense or cannot be added;
/// [`Error::WrongState`] if the container has stopped.
pub fn add_mounts(root: &Root, id: &str, path: &Path) -> Result<()> {
    let mounts = spec::mounts(path)?;
    spec::check_mounts(&mounts)?;
    let planned = added_mounts(&mounts)?;
    let locked = root.lock(id)?;
    let inside = Inside::open(&State::load(&locked.entry)?, &locked.entry)?;
    if let (true, Some(new)) = (inside.has_users, planned.iter().find(|mount| !mount.is_bind())) {
        let field = format!("mounts[{}]", new.target.path.to_string_lossy());
        let reason = "a new file system would not belong to the container's user namespace";
        return Err(Error::unsupported(field, reason));
    }
    let prepared: Vec<_> = planned.iter().map(init::prepare).collect::<Result<_>>()?;
    let (top, descriptors) = (inside.root.as_fd(), inside.descriptors.as_fd());
    inside.act(|| init::attach(top, &prepared, descriptors)).doing(|| format!("mounts of {id}"))
}

/// Takes away what is mounted in the container `id` where the mounts in the file `path` are; last
/// ones first.
///
/// # Errors
///
/// [`Error::Kernel`] at the first one that cannot be: those after it in the file are gone then.
pub fn remove_mounts(root: &Root, id: &str, path: &Path) -> Result<()> {
    let targets: Result<Vec<_>> =
        spec::mounts(path)?.iter().rev().map(|mount| target(mount.destination())).collect();
    let targets = targets?;
    let locked = root.lock(id)?;
    let inside = Inside::open(&State::load(&locked.entry)?, &locked.entry)?;
    let (top, descriptors) = (inside.root.as_fd(), inside.descriptors.as_fd());
    let remove = || targets.iter().try_for_each(|at| init::detach(top, at, descriptors));
    inside.act(remove).doing(|| format!("mounts of {id}"))
}

fn target(destination: &Path) -> Result<Target> {
    let target = Target::new("mounts.destination", &destination.to_string_lossy())?;
    if target.parts.is_empty() {
        return Err(Error::invalid("mounts.destination", "\"/\"", "the root stays"));
    }
    Ok(target)
}

/// The way into a container's mount namespace.
struct Inside {
    namespace: OwnedFd,
    /// The root of its first process.
    root: OwnedFd,
    /// The host's `/proc/self/fd`.
    descriptors: OwnedFd,
    /// Whether it has a user namespace.
    has_users: bool,
}

impl Inside {
    fn open(state: &State, entry: &Entry) -> Result<Self> {
        state.must_be_a_container()?;
        let id = &state.id;
        let not_running = || Error::WrongState(format!("container not running: {id}"));
        match state.settled_status(entry, own_cgroup(entry)?.as_ref())? {
            Status::Created | Status::Running | Status::Paused => {}
            Status::Stopped | Status::Creating => return Err(not_running()),
        }
        let kinds = CloneFlags::from_bits_retain(state.namespaces);
        if !kinds.contains(CloneFlags::CLONE_NEWNS) {
            let reason = "it has the mounts of the host";
            return Err(Error::unsupported(format!("mounts of {id}"), reason));
        }
        let init = state.init.as_ref().ok_or_else(not_running)?;
        let open = |path: String, flags| {
            let path = CString::new(path).unwrap_or_default();
            file::open(&path, flags).doing(|| format!("container {id}"))
        };
        let directory = OFlag::O_PATH | OFlag::O_DIRECTORY;
        let inside = Self {
            namespace: open(format!("/proc/{}/ns/mnt", init.pid), OFlag::O_RDONLY)?,
            root: open(format!("/proc/{}/root", init.pid), directory)?,
            descriptors: open("/proc/self/fd".to_owned(), directory)?,
            has_users: kinds.contains(CloneFlags::CLONE_NEWUSER),
        };
        // What was opened by its number is its own.
        state.open_init()?.map(|_| inside).ok_or_else(not_running)
    }

    /// Does something inside. Nobody there may look at this process meanwhile (CVE-2016-9962).
    fn act(&self, act: impl FnOnce() -> sys::Result<()>) -> sys::Result<()> {
        identity::set_not_dumpable()?;
        let namespace: BorrowedFd<'_> = self.namespace.as_fd();
        namespace::within_mount_namespace(namespace, act)
    }
}
