//! The container that a process is added to: its first process, its namespaces, its cgroup.

use super::root::Entry;
use super::state::{Phase, State, own_cgroup};
use crate::cgroup::{Cgroup, Hierarchy};
use crate::error::{Doing, Error, Result};
use crate::plan::Existing;
use crate::spec::annotations::KEEP_ORIGINAL_GROUPS;
use crate::sys::file::{self, OFlag};
use crate::sys::process::{self, CloneFlags};
use crate::sys::{self, Errno, descriptor};
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

/// Whether a process may be added to a container that is paused: it then does nothing before that
/// is resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// It may.
    Ignore,
    /// It may not.
    Refuse,
}

/// A container that is there, as far as one can tell.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) state: State,
    /// Its first process.
    pid: i32,
    init: OwnedFd,
    cgroup: Option<Cgroup>,
}

impl Target {
    pub(super) fn open(entry: &Entry, paused: Paused) -> Result<Self> {
        let state = State::load(entry)?;
        let id = &state.id;
        if state.is_sandbox() {
            let message = format!("{id} is a sandbox: there is no program in it to execute");
            return Err(Error::WrongState(message));
        }
        if state.phase == Phase::Creating && entry.is_locked()? {
            let message = format!("cannot exec in a container that is being created: {id}");
            return Err(Error::WrongState(message));
        }
        let stopped = || Error::WrongState(format!("{STOPPED}: {id}"));
        let init = state.open_init()?.ok_or_else(stopped)?;
        let pid = state.init.as_ref().map(|init| init.pid).ok_or_else(stopped)?;
        let cgroup = own_cgroup(entry)?;
        if paused == Paused::Refuse && cgroup.as_ref().map_or(Ok(false), Cgroup::is_frozen)? {
            let reason = "cannot exec in a paused container (use --ignore-paused to override)";
            return Err(Error::WrongState(format!("{reason}: {id}")));
        }
        Ok(Self { pid, init, cgroup, state })
    }

    /// What a plan needs to know of it.
    pub(super) fn facts(&self) -> Existing {
        Existing {
            pid: self.pid,
            namespaces: CloneFlags::from_bits_retain(self.state.namespaces),
            keyring_of: (!self.state.no_new_keyring).then(|| self.state.id.clone()),
            keeps_groups: self
                .state
                .annotations
                .get(KEEP_ORIGINAL_GROUPS)
                .is_some_and(|value| value == "1"),
            common: self.state.common.clone(),
        }
    }

    /// A pidfd of its first process.
    pub(super) fn pidfd(&self) -> Result<OwnedFd> {
        descriptor::duplicate(self.init.as_fd()).doing(|| format!("process {}", self.pid))
    }

    /// The cgroup that a process is born in: the container's own, or one below that.
    pub(super) fn birthplace(&self, below: Option<&str>) -> Result<OwnedFd> {
        let path = below.unwrap_or(".").trim_start_matches('/');
        let path = if path.is_empty() { "." } else { path };
        let invalid = |reason: &str| Error::invalid("--cgroup", path, reason);
        let cgroup = match &self.cgroup {
            Some(cgroup) => cgroup,
            None if below.is_none() => return self.where_init_is(),
            None => return Err(invalid("the container has no cgroup of its own any more")),
        };
        let name = CString::new(path).map_err(|_| invalid("contains a NUL byte"))?;
        match file::open_beneath(cgroup.fd(), &name, OFlag::O_PATH | OFlag::O_DIRECTORY) {
            Err(error) if error.errno() == Errno::ENOENT => {
                Err(invalid("no such cgroup below that of the container"))
            }
            Err(error) if error.errno() == Errno::EXDEV => {
                Err(invalid("not below the cgroup of the container"))
            }
            opened => opened.doing(|| format!("--cgroup: {path}")),
        }
    }

    /// The cgroup that the container's first process has gone to: systemd in a container makes
    /// groups of its own, after which the container's can have no process (runc's #2356).
    pub(super) fn where_init_is(&self) -> Result<OwnedFd> {
        let doing = || format!("the cgroup of process {}", self.pid);
        let path = format!("/proc/{}/cgroup", self.pid);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| sys::error::from_io(&error, "read", format_args!("{path}")))
            .doing(doing)?;
        let own = text.lines().find_map(|line| line.strip_prefix("0::"));
        Hierarchy::open()?.open_path(own.unwrap_or("/")).doing(doing)
    }

    pub(super) fn make_sure_it_lives(&self) -> Result<()> {
        match process::has_ended(self.init.as_fd()).doing(|| format!("process {}", self.pid))? {
            true => Err(self.stopped()),
            false => Ok(()),
        }
    }

    fn stopped(&self) -> Error {
        Error::WrongState(format!("{STOPPED}: {}", self.state.id))
    }

    /// Why adding a process failed, if that is because the container has ended meanwhile.
    pub(super) fn blame_end(&self, error: Error) -> Error {
        match process::has_ended(self.init.as_fd()) {
            Ok(true) => self.stopped(),
            _ => error,
        }
    }
}

const STOPPED: &str = "cannot exec in a stopped container";
