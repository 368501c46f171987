//! Mounts: the option strings of config.json as file system parameters and mount attributes.

mod options;

use super::{IdMaps, Sharing, Target, User, c_path, c_string};
use crate::error::{Error, Result};
use crate::spec::REPLACEABLE;
use crate::spec::annotations::{MOUNT_CONTEXT_TYPE, annotation};
use crate::sys::mount::{
    Attributes, Depth, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY,
    MS_PRIVATE, MS_SHARED, MS_SLAVE,
};
use oci_spec::runtime::Spec;
use options::{Flag, attribute, change};
use std::ffi::{CStr, CString};
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
    /// What a link at the target means.
    pub(crate) target_link: Link,
}

/// What is done with a symbolic link that is the last part of a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Link {
    #[default]
    Follow,
    /// It is meant itself.
    Stay,
    /// One like it is made, and nothing is mounted.
    Copy,
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
            | Source::Notify
            | Source::Remount { .. } => false,
        }
    }
}

/// What is mounted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file or directory of the host, or of another process by `/proc/PID/root/…`. The
    /// parent opens it.
    Bind { path: PathBuf, depth: Depth, link: Link },
    /// A new file system, made by init in its own namespaces.
    New { kind: CString, parameters: Vec<Parameter> },
    /// A new tmpfs, which takes over something of the directory that it is mounted on.
    Tmpfs { parameters: Vec<Parameter>, has_mode: bool, copies_up: bool },
    /// What is mounted there already, with other attributes or parameters.
    Remount { parameters: Vec<Parameter> },
    /// procfs, which shows a PID namespace and not a network or an IPC namespace.
    Proc { parameters: Vec<Parameter> },
    /// A directory of the runtime's, for the socket of `sd_notify(3)`.
    Notify,
    /// The container's own cgroup, where it has no cgroup namespace that would show it as the root.
    Cgroup,
}

/// A parameter of a file system: `key` or `key=value`.
#[derive(Clone, PartialEq, Eq)]
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

pub(crate) use options::all as options;
pub(super) use options::propagation;

pub(super) fn build(
    spec: &Spec,
    bundle: &Path,
    sandbox: Option<&Sharing>,
    user: &User,
    warnings: &mut Vec<String>,
) -> Result<Vec<Mount>> {
    let label = label(spec)?;
    let has_cgroup_namespace = spec
        .linux()
        .iter()
        .flat_map(|linux| linux.namespaces().iter().flatten())
        .any(|namespace| namespace.typ() == oci_spec::runtime::LinuxNamespaceType::Cgroup);
    let mut mounts = Vec::new();
    let mut has_shm = false;
    for mount in spec.mounts().iter().flatten() {
        let mut parsed = Parsed::new(mount)?;
        parsed.label.clone_from(&label);
        let is_shm = mount.destination() == Path::new(SHM);
        has_shm |= is_shm;
        if let (true, Some(sandbox), None) = (is_shm, sandbox, parsed.bind) {
            // One /dev/shm for all of the pod: POSIX shared memory is files there.
            parsed.become_bind(sandbox.shm());
        }
        parsed.check_ids(user)?;
        warnings.extend(parsed.warnings());
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
            Source::Bind { link: Link::Copy, .. } => "copy-symlink is for one that is created",
            Source::Bind { .. } | Source::New { .. } | Source::Tmpfs { copies_up: false, .. } => {
                continue;
            }
            Source::Proc { .. } => "a procfs belongs to the processes of the container",
            Source::Remount { .. } => "what is there can be removed and added anew, not changed",
            Source::Tmpfs { .. } => "tmpcopyup is for a container that is created",
            Source::Cgroup | Source::Notify => "not a mount that can be added",
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
        source: Source::Bind { path: sandbox.shm(), depth: Depth::One, link: Link::Follow },
        attributes: Attributes::default(),
        recursive: Attributes::default(),
        may_cover_procfs: false,
        ids: None,
        target_link: Link::Follow,
    })
}

/// Where the container finds the socket on which it tells that it is ready, as with runc.
pub(super) const NOTIFY_SOCKET: &CStr = c"NOTIFY_SOCKET=/run/notify/notify.sock";

/// The directory of that socket. The container may speak to it, and not replace it.
pub(super) fn notify() -> Result<Mount> {
    let set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    Ok(Mount {
        target: Target::new("NOTIFY_SOCKET", "/run/notify")?,
        source: Source::Notify,
        attributes: Attributes { set, propagation: MS_PRIVATE, ..Attributes::default() },
        recursive: Attributes::default(),
        may_cover_procfs: false,
        ids: None,
        target_link: Link::Follow,
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
    flags: Vec<Flag>,
    source_link: Link,
    target_link: Link,
    label: Option<Parameter>,
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
            flags: Vec::new(),
            source_link: Link::Follow,
            target_link: Link::Follow,
            label: None,
        };
        for option in mount.options().iter().flatten() {
            parsed.option(option)?;
        }
        Ok(parsed)
    }

    fn option(&mut self, option: &str) -> Result<()> {
        match option {
            // podman leaves one where an option of its own stood.
            "" => {}
            "bind" => self.bind = Some(self.bind.unwrap_or(Bind::One)),
            "rbind" => self.bind = Some(Bind::Recursive),
            "idmap" | "ridmap" => {
                let none = IdMapped { maps: None, recursive: false };
                self.ids.get_or_insert(none).recursive |= option == "ridmap";
            }
            "remount" => self.remounts = true,
            "tmpcopyup" => self.copies_up = true,
            "copy-symlink" => self.source_link = Link::Copy,
            "src-nofollow" => self.source_link = Link::Stay,
            "dest-nofollow" => self.target_link = Link::Stay,
            _ if options::says_nothing(option) => {}
            _ => {
                if let Some(flag) = Flag::of(option) {
                    self.flags.retain(|other| other.name != flag.name);
                    self.flags.push(flag);
                } else if let Some((flag, depth)) = propagation(option) {
                    // The last one counts.
                    (self.attributes.propagation, self.recursive.propagation) = match depth {
                        Depth::One => (flag, 0),
                        Depth::Recursive => (0, flag),
                    };
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

    /// What is done otherwise than it may be meant.
    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let destination = self.mount.destination();
        if !destination.is_absolute() {
            let meant = Path::new("/").join(destination);
            let what = format!("{:?}: not an absolute path", destination.display());
            warnings.push(format!("mounts.destination: {what}: taken as {:?}", meant.display()));
        }
        if self.bind.is_some() {
            let set = self.flags.iter().filter(|flag| flag.is_set).map(|flag| flag.name);
            warnings.extend(set.map(|name| {
                let reason = "is of the file system, which a bind mount does not change";
                format!("{}: {name}: ignored: {reason}", self.field)
            }));
        }
        warnings
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
        self.isolate(has_cgroup_namespace);
        let (attributes, recursive, ids) = (self.attributes, self.recursive, self.ids.take());
        let target_link = self.target_link;
        let source = self.source(bundle, has_cgroup_namespace)?;
        let may_cover_procfs = REPLACEABLE.contains(&destination.as_ref());
        Ok(Mount { target, source, attributes, recursive, may_cover_procfs, ids, target_link })
    }

    /// A mount that is taken from the host is one of the host's peer group: what is mounted on it
    /// inside would show there. It hears of the host, as its slave, and the host not of it, unless
    /// it is to be shared. Nor does what is mounted below it.
    fn isolate(&mut self, has_cgroup_namespace: bool) {
        let is_cgroup = self.mount.typ().as_deref() == Some("cgroup") && !has_cgroup_namespace;
        if self.remounts || (self.bind.is_none() && !is_cgroup) {
            return;
        }
        let is_recursive = self.bind == Some(Bind::Recursive);
        let (own, below) = (&mut self.attributes.propagation, &mut self.recursive.propagation);
        match (*own, *below) {
            (0, 0) if is_recursive => *below = MS_SLAVE,
            (0, 0) => *own = MS_SLAVE,
            (MS_SHARED, _) | (0, _) => {}
            (asked, _) if is_recursive => (*own, *below) = (0, asked),
            _ => {}
        }
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
        if self.bind.is_none()
            && (self.source_link, self.target_link) != (Link::Follow, Link::Follow)
        {
            let reason = "copy-symlink, src-nofollow and dest-nofollow are for bind mounts";
            return Err(Error::invalid(self.field, "a link", reason));
        }
        if self.remounts {
            match self.bind {
                Some(_) => self.has_no_parameter()?,
                None => self.parameters.extend(self.flags.iter().map(Parameter::from)),
            }
            return Ok(Source::Remount { parameters: self.parameters });
        }
        if let Some(bind) = self.bind {
            return self.bind(bundle, bind);
        }
        let kind = self.mount.typ().as_deref().unwrap_or("none");
        if kind == "cgroup" && !has_cgroup_namespace {
            return Ok(Source::Cgroup);
        }
        if let Some(source) = self.mount.source() {
            let value = Some(c_path("mounts.source", source)?);
            self.parameters.insert(0, Parameter { key: c"source".to_owned(), value });
        }
        let set = self.flags.iter().filter(|flag| flag.is_set);
        self.parameters.extend(set.map(Parameter::from));
        if takes_label(kind) {
            self.parameters.extend(self.label);
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

    fn bind(self, bundle: &Path, bind: Bind) -> Result<Source> {
        self.has_no_parameter()?;
        let Some(source) = self.bind_source else {
            return Err(Error::invalid(self.field, "bind", "a bind mount needs a source"));
        };
        let depth = match bind {
            Bind::One => Depth::One,
            Bind::Recursive => Depth::Recursive,
        };
        Ok(Source::Bind { path: bundle.join(source), depth, link: self.source_link })
    }
}

impl From<&Flag> for Parameter {
    fn from(flag: &Flag) -> Self {
        // The names of flags have no NUL byte.
        Self { key: CString::new(flag.option()).unwrap_or_default(), value: None }
    }
}

/// Which label the files of new file systems have (config-linux.md, "Mount Label"). As which of
/// those that a mount can have says an annotation of crun's.
fn label(spec: &Spec) -> Result<Option<Parameter>> {
    let label = spec.linux().as_ref().and_then(|linux| linux.mount_label().as_deref());
    let Some(label) = label.filter(|label| !label.is_empty()) else { return Ok(None) };
    let kind = annotation(spec, MOUNT_CONTEXT_TYPE).unwrap_or("context");
    if !matches!(kind, "context" | "fscontext" | "defcontext" | "rootcontext") {
        let reason = "not one of context, fscontext, defcontext and rootcontext";
        return Err(Error::invalid(
            format!("annotations[{MOUNT_CONTEXT_TYPE}]"),
            format!("{kind:?}"),
            reason,
        ));
    }
    let value = Some(c_string("linux.mountLabel", label)?);
    Ok(Some(Parameter { key: c_string(MOUNT_CONTEXT_TYPE, kind)?, value }))
}

/// Those of the kernel's own views are what its policy says, as runc and crun have it.
fn takes_label(kind: &str) -> bool {
    !matches!(kind, "proc" | "sysfs" | "mqueue")
}

fn id_maps(mount: &oci_spec::runtime::Mount) -> Result<Option<IdMaps>> {
    let fields = ["uidMappings", "gidMappings"]
        .map(|name| format!("mounts[{}].{name}", mount.destination().display()));
    let (uids, gids) = (mount.uid_mappings().as_deref(), mount.gid_mappings().as_deref());
    IdMaps::of(uids, gids, [&fields[0], &fields[1]])
}
