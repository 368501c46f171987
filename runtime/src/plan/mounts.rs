//! Mounts: the option strings of config.json as file system parameters and mount attributes.

use super::{IdMaps, Sharing, Target, User, c_path, c_string};
use crate::error::{Error, Result};
use crate::spec::REPLACEABLE;
use crate::sys::mount::{
    Attributes, MOUNT_ATTR_ATIME, MOUNT_ATTR_NOATIME, MOUNT_ATTR_NODEV, MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_STRICTATIME, MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE,
};
use oci_spec::runtime::Spec;
use std::ffi::CString;
use std::fmt;
use std::path::{Path, PathBuf};

/// One mount, ready to be made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) target: Target,
    pub(crate) source: Source,
    pub(crate) attributes: Attributes,
    /// For this mount and all below it: the options `rro`, `rnosuid` …
    pub(crate) recursive: Attributes,
    /// Whether the target may be a file of procfs: else a mount there could stand in for what the
    /// runtime or the container's own tools trust (CVE-2019-16884, CVE-2025-52881).
    pub(crate) may_cover_procfs: bool,
    pub(crate) ids: Option<IdMapped>,
}

/// Owners that are shown as others (config.md, "Mounts").
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct IdMapped {
    /// `None`: as the user namespace of the container maps them.
    pub(crate) maps: Option<IdMaps>,
    /// On the mounts below too.
    pub(crate) recursive: bool,
}

impl Mount {
    pub(crate) fn is_bind(&self) -> bool {
        matches!(self.source, Source::Bind { .. })
    }

    /// Whether this is procfs or sysfs: a view of the kernel, that others trust to be where it is.
    pub(crate) fn is_kernel_view(&self) -> bool {
        match &self.source {
            Source::Proc { .. } => true,
            Source::New { kind, .. } => kind.as_c_str() == c"sysfs",
            Source::Bind { .. }
            | Source::Tmpfs { .. }
            | Source::Cgroup
            | Source::Remount { .. } => false,
        }
    }
}

/// What is mounted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file or directory of the host, or of another process by `/proc/PID/root/…`. The
    /// parent opens it.
    Bind { path: PathBuf, recursive: bool },
    /// A new file system, made by init in its own namespaces.
    New { kind: CString, parameters: Vec<Parameter> },
    /// A new tmpfs, which takes over something of the directory that it is mounted on.
    Tmpfs { parameters: Vec<Parameter>, has_mode: bool, copies_up: bool },
    /// What is mounted there already, with other attributes or parameters.
    Remount { parameters: Vec<Parameter> },
    /// procfs, which shows a PID namespace and not a network or an IPC namespace.
    Proc { parameters: Vec<Parameter> },
    /// The container's own cgroup, where it has no cgroup namespace that would show it as the root.
    Cgroup,
}

/// A parameter of a file system: `key` or `key=value`.
#[derive(PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) key: CString,
    pub(crate) value: Option<CString>,
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value } = self;
        match value {
            Some(value) => write!(f, "{key:?}={value:?}"),
            None => write!(f, "{key:?}"),
        }
    }
}

const SHM: &str = "/dev/shm";

pub(super) fn build(
    spec: &Spec,
    bundle: &Path,
    sandbox: Option<&Sharing>,
    user: &User,
) -> Result<Vec<Mount>> {
    let has_cgroup_namespace = spec
        .linux()
        .iter()
        .flat_map(|linux| linux.namespaces().iter().flatten())
        .any(|namespace| namespace.typ() == oci_spec::runtime::LinuxNamespaceType::Cgroup);
    let mut mounts = Vec::new();
    let mut has_shm = false;
    for mount in spec.mounts().iter().flatten() {
        let mut parsed = Parsed::new(mount)?;
        let is_shm = mount.destination() == Path::new(SHM);
        has_shm |= is_shm;
        if let (true, Some(sandbox), None) = (is_shm, sandbox, parsed.bind) {
            // One /dev/shm for all of the pod: POSIX shared memory is files there.
            parsed.become_bind(sandbox.shm());
        }
        parsed.check_ids(user)?;
        mounts.push(parsed.finish(bundle, has_cgroup_namespace)?);
    }
    if let (false, Some(sandbox)) = (has_shm, sandbox) {
        mounts.push(pod_shm(sandbox)?);
    }
    Ok(mounts)
}

/// Mounts that a container is given while it runs.
pub(crate) fn added(mounts: &[oci_spec::runtime::Mount]) -> Result<Vec<Mount>> {
    let plan = |mount| Parsed::new(mount)?.finish(Path::new("/"), true);
    let planned: Vec<_> = mounts.iter().map(plan).collect::<Result<_>>()?;
    for mount in &planned {
        let reason = match mount.source {
            _ if mount.ids.is_some() => "owners can only be mapped when a container is created",
            Source::Bind { .. } | Source::New { .. } | Source::Tmpfs { copies_up: false, .. } => {
                continue;
            }
            Source::Proc { .. } => "a procfs belongs to the processes of the container",
            Source::Remount { .. } => "what is there can be removed and added anew, not changed",
            Source::Tmpfs { .. } => "tmpcopyup is for a container that is created",
            Source::Cgroup => "not a mount that can be added",
        };
        let field = format!("mounts[{}]", mount.target.path.to_string_lossy());
        return Err(Error::unsupported(field, reason));
    }
    Ok(planned)
}

/// The pod's `/dev/shm` for a container whose config.json does not speak of it.
fn pod_shm(sandbox: &Sharing) -> Result<Mount> {
    Ok(Mount {
        target: Target::new("mounts", SHM)?,
        source: Source::Bind { path: sandbox.shm(), recursive: false },
        attributes: Attributes::default(),
        recursive: Attributes::default(),
        may_cover_procfs: false,
        ids: None,
    })
}

/// A mount whose options have been read, one by one.
struct Parsed<'a> {
    mount: &'a oci_spec::runtime::Mount,
    field: String,
    bind: Option<Bind>,
    bind_source: Option<PathBuf>,
    attributes: Attributes,
    recursive: Attributes,
    parameters: Vec<Parameter>,
    ids: Option<IdMapped>,
    remounts: bool,
    copies_up: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bind {
    One,
    Recursive,
}

impl<'a> Parsed<'a> {
    fn new(mount: &'a oci_spec::runtime::Mount) -> Result<Self> {
        let mut parsed = Self {
            mount,
            field: format!("mounts[{}].options", mount.destination().display()),
            bind: (mount.typ().as_deref() == Some("bind")).then_some(Bind::One),
            bind_source: mount.source().clone(),
            attributes: Attributes::default(),
            recursive: Attributes::default(),
            parameters: Vec::new(),
            ids: id_maps(mount)?.map(|maps| IdMapped { maps: Some(maps), recursive: false }),
            remounts: false,
            copies_up: false,
        };
        for option in mount.options().iter().flatten() {
            parsed.option(option)?;
        }
        Ok(parsed)
    }

    fn option(&mut self, option: &str) -> Result<()> {
        match option {
            "bind" => self.bind = Some(self.bind.unwrap_or(Bind::One)),
            "rbind" => self.bind = Some(Bind::Recursive),
            // podman leaves one where an option of its own stood.
            "" | "defaults" | "async" | "nomand" | "loud" | "noiversion" | "nolazytime" => {}
            "idmap" | "ridmap" => {
                let none = IdMapped { maps: None, recursive: false };
                self.ids.get_or_insert(none).recursive |= option == "ridmap";
            }
            "remount" => self.remounts = true,
            "tmpcopyup" => self.copies_up = true,
            _ => {
                if let Some(attributes) = propagation(option) {
                    self.attributes.propagation = attributes.propagation;
                } else if let Some((set, clear)) = attribute(option) {
                    change(&mut self.attributes, set, clear);
                } else if let Some((set, clear)) = option.strip_prefix('r').and_then(attribute) {
                    change(&mut self.recursive, set, clear);
                } else {
                    self.parameters.push(self.parameter(option)?);
                }
            }
        }
        Ok(())
    }

    fn parameter(&self, option: &str) -> Result<Parameter> {
        let (key, value) = match option.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (option, None),
        };
        Ok(Parameter {
            key: c_string(&self.field, key)?,
            value: value.map(|value| c_string(&self.field, value)).transpose()?,
        })
    }

    /// Replaces what was asked for by a bind of `source`, and keeps the attributes.
    fn become_bind(&mut self, source: PathBuf) {
        self.bind = Some(Bind::One);
        self.bind_source = Some(source);
        self.parameters.clear();
        self.copies_up = false;
    }

    fn finish(mut self, bundle: &Path, has_cgroup_namespace: bool) -> Result<Mount> {
        let destination = self.mount.destination().to_string_lossy();
        let target = Target::new("mounts.destination", &destination)?;
        let (attributes, recursive, ids) = (self.attributes, self.recursive, self.ids.take());
        let source = self.source(bundle, has_cgroup_namespace)?;
        let may_cover_procfs = REPLACEABLE.contains(&destination.as_ref());
        Ok(Mount { target, source, attributes, recursive, may_cover_procfs, ids })
    }

    /// Only a bind shows files that have owners already. Their ids are mapped by the mount's own
    /// maps or else by the user namespace.
    fn check_ids(&self, user: &User) -> Result<()> {
        let Some(ids) = &self.ids else { return Ok(()) };
        let name = if ids.recursive { "ridmap" } else { "idmap" };
        if self.bind.is_none() {
            return Err(Error::invalid(&self.field, name, "is for bind mounts"));
        }
        if ids.maps.is_none() && !user.is_own() {
            let reason = "needs uidMappings and gidMappings, or a user namespace";
            return Err(Error::invalid(&self.field, name, reason));
        }
        Ok(())
    }

    fn source(mut self, bundle: &Path, has_cgroup_namespace: bool) -> Result<Source> {
        let is_tmpfs = self.mount.typ().as_deref() == Some("tmpfs");
        if self.copies_up && (!is_tmpfs || self.bind.is_some() || self.remounts) {
            return Err(Error::invalid(self.field, "tmpcopyup", "is for a new tmpfs"));
        }
        if self.remounts {
            self.bind.map_or(Ok(()), |_| self.has_no_parameter())?;
            return Ok(Source::Remount { parameters: self.parameters });
        }
        if let Some(bind) = self.bind {
            return self.bind(bundle, bind == Bind::Recursive);
        }
        let kind = self.mount.typ().as_deref().unwrap_or("none");
        if kind == "cgroup" && !has_cgroup_namespace {
            return Ok(Source::Cgroup);
        }
        if let Some(source) = self.mount.source() {
            let value = Some(c_path("mounts.source", source)?);
            self.parameters.insert(0, Parameter { key: c"source".to_owned(), value });
        }
        let parameters = self.parameters;
        Ok(match kind {
            "tmpfs" => Source::Tmpfs {
                has_mode: parameters.iter().any(|parameter| parameter.key.as_c_str() == c"mode"),
                copies_up: self.copies_up,
                parameters,
            },
            "proc" => Source::Proc { parameters },
            // runtime-spec, config-linux.md: `cgroup` is whatever the host has, which for
            // us is version 2.
            "cgroup" => Source::New { kind: c"cgroup2".to_owned(), parameters },
            kind => Source::New { kind: c_string("mounts.type", kind)?, parameters },
        })
    }

    fn has_no_parameter(&self) -> Result<()> {
        let Some(parameter) = self.parameters.first() else { return Ok(()) };
        let option = parameter.key.to_string_lossy().into_owned();
        Err(Error::invalid(&self.field, option, "no such option of a bind mount"))
    }

    fn bind(self, bundle: &Path, recursive: bool) -> Result<Source> {
        self.has_no_parameter()?;
        let Some(source) = self.bind_source else {
            return Err(Error::invalid(self.field, "bind", "a bind mount needs a source"));
        };
        Ok(Source::Bind { path: bundle.join(source), recursive })
    }
}

fn id_maps(mount: &oci_spec::runtime::Mount) -> Result<Option<IdMaps>> {
    let fields = ["uidMappings", "gidMappings"]
        .map(|name| format!("mounts[{}].{name}", mount.destination().display()));
    let (uids, gids) = (mount.uid_mappings().as_deref(), mount.gid_mappings().as_deref());
    IdMaps::of(uids, gids, [&fields[0], &fields[1]])
}

fn change(attributes: &mut Attributes, set: u64, clear: u64) {
    attributes.set = (attributes.set & !clear) | set;
    attributes.clear = (attributes.clear & !set) | clear;
}

/// A propagation by its name. The recursive ones act on all mounts below too, which a new
/// mount has none of.
pub(super) fn propagation(name: &str) -> Option<Attributes> {
    let flag = match name.strip_prefix('r').unwrap_or(name) {
        "private" => MS_PRIVATE,
        "shared" => MS_SHARED,
        "slave" => MS_SLAVE,
        "unbindable" => MS_UNBINDABLE,
        _ => return None,
    };
    Some(Attributes { propagation: flag, ..Attributes::default() })
}

/// The options that set and clear attributes of a mount; with an `r` before them, of all below it
/// too.
const ATTRIBUTES: [(&str, u64, u64); 18] = [
    ("ro", MOUNT_ATTR_RDONLY, 0),
    ("rw", 0, MOUNT_ATTR_RDONLY),
    ("nosuid", MOUNT_ATTR_NOSUID, 0),
    ("suid", 0, MOUNT_ATTR_NOSUID),
    ("nodev", MOUNT_ATTR_NODEV, 0),
    ("dev", 0, MOUNT_ATTR_NODEV),
    ("noexec", MOUNT_ATTR_NOEXEC, 0),
    ("exec", 0, MOUNT_ATTR_NOEXEC),
    ("nodiratime", MOUNT_ATTR_NODIRATIME, 0),
    ("diratime", 0, MOUNT_ATTR_NODIRATIME),
    ("nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0),
    ("symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW),
    // The three modes of access times are one field of the kernel's: setting one clears the others.
    ("noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR_ATIME),
    ("strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR_ATIME),
    ("relatime", 0, MOUNT_ATTR_ATIME),
    ("atime", 0, MOUNT_ATTR_ATIME),
    ("nostrictatime", 0, MOUNT_ATTR_ATIME),
    ("norelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR_ATIME),
];

fn attribute(option: &str) -> Option<(u64, u64)> {
    let found = ATTRIBUTES.iter().find(|(name, ..)| *name == option);
    found.map(|&(_, set, clear)| (set, clear))
}

/// Options that are no attributes; those that say what is so anyway among them.
const OTHERS: [&str; 12] = [
    "async",
    "bind",
    "defaults",
    "idmap",
    "loud",
    "noiversion",
    "nolazytime",
    "nomand",
    "rbind",
    "remount",
    "ridmap",
    "tmpcopyup",
];

const PROPAGATIONS: [&str; 4] = ["private", "shared", "slave", "unbindable"];

/// Every option that has the same meaning for each file system, sorted.
pub(crate) fn options() -> Vec<String> {
    let attributes = ATTRIBUTES.iter().map(|(name, ..)| *name);
    let with_recursive = attributes.chain(PROPAGATIONS);
    let mut all: Vec<_> =
        with_recursive.flat_map(|name| [name.to_owned(), format!("r{name}")]).collect();
    all.extend(OTHERS.map(str::to_owned));
    all.sort();
    all
}
