//! The state of a container: what is written, and what can be seen.

use super::gate;
use super::identity::Identity;
use super::root::{Entry, Root, owner};
use super::users;
use crate::cgroup::{Cgroup, Hierarchy};
use crate::error::{Error, Result};
use crate::plan::{Common, IdMaps};
use crate::spec::{self, OCI_VERSION};
use crate::sys::Errno;
use crate::sys::process::SIGTERM;
use oci_spec::runtime::Spec;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The format of state.json; a file of a later one is not understood.
const FORMAT: u32 = 1;

/// What is on disk of a container or sandbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "a record of facts, each by its own name")]
pub struct State {
    format: u32,
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) phase: Phase,
    /// The first process, once there is one.
    pub(crate) init: Option<Identity>,
    pub(crate) bundle: PathBuf,
    pub(crate) rootfs: PathBuf,
    /// RFC 3339.
    pub(crate) created: String,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
    /// The signal that asks the program to end.
    pub(crate) stop_signal: i32,
    /// The kinds of namespaces that are not its creator's: `CLONE_NEW*`.
    #[serde(default)]
    pub(crate) namespaces: i32,
    /// Whether it has the session keyring of its creator.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_new_keyring: bool,
    /// What every process of it has.
    #[serde(default, skip_serializing_if = "Common::is_empty")]
    pub(crate) common: Common,
    /// Whether it finds a socket to tell of its readiness.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_notified: bool,
    /// Whether hooks of later verbs are kept beside this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_hooks: bool,
    /// The unit of systemd's that its cgroup is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
    /// Whether its configuration is kept beside this, and not in the bundle.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_config: bool,
}

/// What a state is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// A container of its own, or one in the namespaces of a sandbox.
    Container { sandbox: Option<String> },
    /// The pause process of a pod.
    Sandbox {
        nested: bool,
        /// The maps of its user namespace, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maps: Option<IdMaps>,
    },
}

/// How far the runtime's part of the life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Phase {
    Creating,
    Created,
    Started,
}

/// The cgroup that a container was given: `<root>/<id>/cgroup`, one line, so that it can be cleaned
/// up whatever happened to the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnCgroup {
    pub(crate) path: String,
    /// The number that the kernel gave the group; `None` if it was not known yet when the
    /// line was written.
    pub(crate) id: Option<u64>,
}

/// runtime.md, "State": what a container does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is being set up.
    Creating,
    /// It waits for `start`.
    Created,
    /// Its program runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Its first process has ended.
    Stopped,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        })
    }
}

/// What `state` answers: runtime.md, "State", and what runc adds to it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The version of the runtime specification that this follows.
    pub oci_version: &'static str,
    /// The container.
    pub id: String,
    /// What it does now.
    pub status: Status,
    /// Its first process as the caller sees it; 0 when it has ended.
    pub pid: i32,
    /// The directory of its config.json.
    pub bundle: PathBuf,
    /// The directory of its root file system.
    pub rootfs: PathBuf,
    /// When it was created, RFC 3339.
    pub created: String,
    /// Those of its config.json.
    pub annotations: BTreeMap<String, String>,
    /// The user who owns its directory.
    pub owner: String,
    /// The sandbox that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<String>,
    /// Whether the kernel has killed one of its processes for want of memory.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub oom_killed: bool,
}

impl State {
    /// The state of a container that is about to be created.
    pub(crate) fn of_container(
        id: &str,
        sandbox: Option<&str>,
        bundle: &Path,
        spec: &Spec,
    ) -> Result<Self> {
        let annotations: BTreeMap<_, _> =
            spec.annotations().clone().unwrap_or_default().into_iter().collect();
        let stop_signal = spec::stop_signal(spec)?.unwrap_or(DEFAULT_STOP_SIGNAL);
        let rootfs = spec.root().as_ref().map(|root| bundle.join(root.path())).unwrap_or_default();
        let kind = Kind::Container { sandbox: sandbox.map(str::to_owned) };
        Ok(Self { rootfs, annotations, stop_signal, ..Self::creating(id, kind, bundle) })
    }

    /// The state of a sandbox that is about to be created.
    pub(crate) fn of_sandbox(id: &str, nested: bool, maps: Option<IdMaps>) -> Self {
        Self::creating(id, Kind::Sandbox { nested, maps }, Path::new(""))
    }

    /// All that is known of a container whose state cannot be read.
    pub(crate) fn unknown(id: &str) -> Self {
        let kind = Kind::Container { sandbox: None };
        Self { has_hooks: true, ..Self::creating(id, kind, Path::new("")) }
    }

    fn creating(id: &str, kind: Kind, bundle: &Path) -> Self {
        Self {
            format: FORMAT,
            id: id.to_owned(),
            kind,
            phase: Phase::Creating,
            init: None,
            bundle: bundle.to_owned(),
            rootfs: PathBuf::new(),
            created: humantime::format_rfc3339_nanos(SystemTime::now()).to_string(),
            annotations: BTreeMap::new(),
            stop_signal: DEFAULT_STOP_SIGNAL,
            namespaces: 0,
            is_notified: false,
            common: Common::default(),
            no_new_keyring: false,
            has_hooks: false,
            scope: None,
            has_config: false,
        }
    }

    /// It has its first process now.
    pub(crate) fn created(&mut self, pid: i32) -> Result<()> {
        let ended = || Error::init_ended(&format!("process {pid} is gone"));
        self.init = Some(Identity::of(pid).ok_or_else(ended)?);
        self.phase = Phase::Created;
        Ok(())
    }

    pub(crate) fn load(entry: &Entry) -> Result<Self> {
        let id = entry.id();
        let bytes = entry.read_state()?;
        let corrupt = |reason: String| {
            let field = format!("state.json of container {id}");
            Error::invalid(field, "corrupt", format!("{reason}; delete --force removes it"))
        };
        let state: Self =
            serde_json::from_slice(&bytes).map_err(|error| corrupt(error.to_string()))?;
        if state.format == FORMAT && state.id == id {
            return Ok(state);
        }
        Err(corrupt(format!("of format {} and container {:?}", state.format, state.id)))
    }

    pub(crate) fn save(&self, entry: &Entry) -> Result<()> {
        let bytes = serde_json::to_vec(self)
            .map_err(|error| Error::invalid("state.json", &self.id, error.to_string()))?;
        entry.write_state(&bytes)
    }

    /// The sandbox that a container is in.
    pub(crate) fn sandbox(&self) -> Option<&str> {
        match &self.kind {
            Kind::Container { sandbox } => sandbox.as_deref(),
            Kind::Sandbox { .. } => None,
        }
    }

    /// For what is done to containers alone.
    pub(crate) fn must_be_a_container(&self) -> Result<()> {
        let message = || Error::WrongState(format!("{} is a sandbox, not a container", self.id));
        if self.is_sandbox() { Err(message()) } else { Ok(()) }
    }

    pub(crate) fn is_sandbox(&self) -> bool {
        matches!(self.kind, Kind::Sandbox { .. })
    }

    /// Its first process, if that is alive.
    pub(crate) fn open_init(&self) -> Result<Option<OwnedFd>> {
        self.init.as_ref().map_or(Ok(None), Identity::open_alive)
    }

    /// What the container does now, as far as the kernel and the gate tell.
    pub(crate) fn status(&self, entry: &Entry, cgroup: Option<&Cgroup>) -> Result<Status> {
        if self.phase == Phase::Creating && entry.is_locked()? {
            return Ok(Status::Creating);
        }
        self.settled_status(entry, cgroup)
    }

    /// The same for whoever holds the lock: then nobody creates it any more.
    pub(crate) fn settled_status(&self, entry: &Entry, cgroup: Option<&Cgroup>) -> Result<Status> {
        self.settled(entry, cgroup).map(|(status, _)| status)
    }

    /// The same, and a connection to the first process if that waits for `start`.
    pub(super) fn settled(
        &self,
        entry: &Entry,
        cgroup: Option<&Cgroup>,
    ) -> Result<(Status, Option<OwnedFd>)> {
        if self.open_init()?.is_none() {
            return Ok((Status::Stopped, None));
        }
        if cgroup.map_or(Ok(false), Cgroup::is_frozen)? {
            return Ok((Status::Paused, None));
        }
        // A `start` that was killed may have let init pass the gate without writing so.
        let init = if self.phase == Phase::Created { gate::connect(entry)? } else { None };
        Ok((if init.is_some() { Status::Created } else { Status::Running }, init))
    }
}

const DEFAULT_STOP_SIGNAL: i32 = SIGTERM;

impl OwnCgroup {
    pub(crate) fn load(entry: &Entry) -> Result<Option<Self>> {
        let bytes = match entry.read_cgroup() {
            // A creator that was killed before it came so far made no cgroup.
            Err(Error::Kernel { source, .. }) if source.errno() == Errno::ENOENT => {
                return Ok(None);
            }
            read => read?,
        };
        let line = String::from_utf8_lossy(&bytes);
        let Some((id, path)) = line.trim_end().split_once(' ') else { return Ok(None) };
        Ok(Some(Self { path: path.to_owned(), id: id.parse().ok() }))
    }

    pub(crate) fn save(&self, entry: &Entry) -> Result<()> {
        let id = self.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        entry.write_cgroup(format!("{id} {}\n", self.path).as_bytes())
    }

    /// The cgroup, if it still is the one that was made for this container.
    pub(crate) fn open(&self) -> Result<Option<Cgroup>> {
        match self.id {
            Some(id) => Hierarchy::open()?.open_own(&self.path, id),
            None => Ok(None),
        }
    }
}

/// The cgroup of a container, if it still has it.
pub(crate) fn own_cgroup(entry: &Entry) -> Result<Option<Cgroup>> {
    OwnCgroup::load(entry)?.map_or(Ok(None), |own| own.open())
}

/// Says what the container `id` is and does.
///
/// # Errors
///
/// [`Error::NotFound`] if there is none, [`Error::InvalidSpec`] if its state cannot be read.
pub fn state(root: &Root, id: &str) -> Result<Report> {
    let entry = root.open_entry(id)?;
    let state = State::load(&entry)?;
    report(&entry, state)
}

pub(super) fn report(entry: &Entry, state: State) -> Result<Report> {
    let cgroup = own_cgroup(entry)?;
    let status = state.status(entry, cgroup.as_ref())?;
    let is_alive = !matches!(status, Status::Stopped | Status::Creating);
    Ok(Report {
        oci_version: OCI_VERSION,
        status,
        pid: state.init.as_ref().filter(|_| is_alive).map_or(0, |init| init.pid),
        owner: users::name_of(owner(entry)?),
        sandbox: state.sandbox().map(str::to_owned),
        oom_killed: cgroup.as_ref().map_or(Ok(0), Cgroup::oom_kills)? > 0,
        id: state.id,
        bundle: state.bundle,
        rootfs: state.rootfs,
        created: state.created,
        annotations: state.annotations,
    })
}
