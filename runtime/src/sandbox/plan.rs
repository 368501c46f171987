//! The plan of pause: what it need not do itself is done for it before it is executed.

use super::PidMode;
use crate::error::{Error, Result};
use crate::plan::pause::Configured;
use crate::plan::{
    CgroupPlan, Common, Hooks, IdMaps, Link, Mount, Namespaces, Parameter, Plan, Process, Root,
    Shape, Source, Target, User,
};
use crate::sys::mount::{Attributes, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID};
use crate::sys::process::CloneFlags;
use std::ffi::CString;

/// The size of a pod's `/dev/shm`: what Kubernetes, Docker and podman give.
const SHM_SIZE: &std::ffi::CStr = c"65536k";

/// Plans the pause process of a sandbox. `hostname` is the pod's.
///
/// Its root is an empty, read-only tmpfs with the pod's `/dev/shm` in it: a container with
/// `CAP_SYS_PTRACE` that shares its PID namespace reaches `/proc/1/root`, where there must be
/// nothing of the host.
///
/// With `maps` a user namespace is made first, which then owns the others.
pub(super) fn build(hostname: Option<&str>, maps: Option<&IdMaps>) -> Result<Plan> {
    let hostname = hostname.map(checked_hostname).transpose()?;
    let process = pause()?;
    if let Some(maps) = maps {
        process.identity.must_be_mapped(maps)?;
    }
    Ok(Plan { hostname, ..of_pause(namespaces(maps), process)? })
}

/// Plans the pause process of a sandbox that is configured: its namespaces, names and sysctls are
/// those that were asked for. Its root is as above, and its user and limits are always its own.
pub(super) fn configured(asked: Configured) -> Result<Plan> {
    let Configured { namespaces, hostname, sysctls, oom_score_adj, labels } = asked;
    let own = pause()?;
    let oom_score_adj = oom_score_adj.or(own.oom_score_adj);
    let process = Process { oom_score_adj, labels, ..own };
    if let Some(maps) = namespaces.user.maps() {
        process.identity.must_be_mapped(maps)?;
    }
    if !namespaces.has_new_mounts() {
        let reason = "a sandbox has one of its own";
        return Err(Error::unsupported("linux.namespaces[mount]", reason));
    }
    Ok(Plan { hostname, sysctls, ..of_pause(namespaces, process)? })
}

/// Pause, with the number of the descriptor that it tells its readiness on.
fn pause() -> Result<Process> {
    Process::pause([c"3".to_owned()])
}

fn of_pause(namespaces: Namespaces, process: Process) -> Result<Plan> {
    let owner = namespaces.user.maps().and_then(IdMaps::root).unwrap_or_default();
    Ok(Plan {
        namespaces,
        keyring: None,
        root: Root::Empty { owner },
        mounts: vec![shm()?],
        devices: Vec::new(),
        symlinks: Vec::new(),
        net_devices: Vec::new(),
        hostname: None,
        domainname: None,
        sysctls: Vec::new(),
        readonly_paths: Vec::new(),
        masked_paths: Vec::new(),
        hooks: Hooks::default(),
        process,
        common: Common::default(),
        cgroup: CgroupPlan::default(),
        has_mount_label: false,
        warnings: Vec::new(),
    })
}

fn namespaces(maps: Option<&IdMaps>) -> Namespaces {
    let mut new = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    let mut user = User::Host;
    if let Some(maps) = maps {
        new |= CloneFlags::CLONE_NEWUSER;
        user = User::New(maps.clone());
    }
    Namespaces { shape: Shape::Direct, new, user, ..Namespaces::none() }
}

fn shm() -> Result<Mount> {
    let parameter = |key: &std::ffi::CStr, value: &std::ffi::CStr| Parameter {
        key: key.to_owned(),
        value: Some(value.to_owned()),
    };
    Ok(Mount {
        target: Target::new("", "/dev/shm")?,
        source: Source::New {
            kind: c"tmpfs".to_owned(),
            parameters: vec![
                parameter(c"source", c"shm"),
                parameter(c"mode", c"1777"),
                parameter(c"size", SHM_SIZE),
            ],
        },
        attributes: Attributes {
            set: MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
            ..Attributes::default()
        },
        recursive: Attributes::default(),
        may_cover_procfs: false,
        ids: None,
        target_link: Link::Follow,
    })
}

/// The kernel's limit (`__NEW_UTS_LEN`), and no character that a resolver or a prompt
/// would stumble over.
fn checked_hostname(name: &str) -> Result<CString> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_allowed) {
        let reason = "must have 1 to 64 letters, digits, dots or hyphens";
        return Err(Error::invalid("--hostname", format!("{name:?}"), reason));
    }
    CString::new(name).map_err(|_| Error::invalid("--hostname", name, "contains a NUL byte"))
}

impl PidMode {
    /// Whether each container has a PID namespace of its own.
    pub(super) fn is_nested(self) -> bool {
        self == Self::Nested
    }
}
