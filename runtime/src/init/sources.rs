//! What init needs from the host, opened by its parent before the clone: later it may not be
//! reachable, and an error now leaves nothing behind.

use super::procfs::is_out_of_sight;
use super::user::{self, Sysfs};
use super::{HookStates, labels};
use crate::error::{Doing, Error, Result};
use crate::plan::{
    Device, DeviceKind, Executable, Hooks, Link, Namespaces, Plan, Root, Source, Switch,
};
use crate::sys::directory;
use crate::sys::file::{self, OFlag, SFlag};
use crate::sys::mount::{
    self, Attributes, Depth, Filesystem, MOUNT_ATTR_NODEV, MS_PRIVATE, MS_SLAVE,
};
use crate::sys::namespace;
use crate::sys::process::CloneFlags;
use crate::sys::{self, Errno};
use procfs::process::Process;
use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The program of pause, compiled by build.rs.
pub(crate) static PAUSE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pause"));

/// Execute for everybody, read for nobody: the kernel then keeps the process non-dumpable
/// (`would_dump` in fs/exec.c), provided that it has no capability left that would let it read the
/// file all the same.
const PAUSE_MODE: u32 = 0o111;

/// Descriptors by which init reaches the host.
#[derive(Debug)]
pub(crate) struct Sources {
    /// The root file system: a detached mount, or just the directory where no mount is made.
    pub(super) root: OwnedFd,
    /// For each mount of the plan its source, where the parent opens it.
    pub(super) mounts: Vec<Option<BindSource>>,
    /// For each device of the plan the host's node, where that is bound.
    pub(super) devices: Vec<Option<OwnedFd>>,
    /// For each joined namespace of the plan its descriptor.
    pub(super) joins: Vec<OwnedFd>,
    /// The process whose namespaces are joined.
    pub(super) process: Option<OwnedFd>,
    /// Where the host has procfs and sysfs, if that will not be gone with its root.
    pub(super) hidden: Vec<CString>,
    /// The PID namespace that is joined, and whether procfs takes it as an option.
    pid: Option<(OwnedFd, bool)>,
    /// The host's procfs, where the process has labels or sysctls that are written there.
    pub(super) procfs: Option<OwnedFd>,
    /// A detached mount of the host's `/dev/null`, for masked files.
    pub(super) null: Option<OwnedFd>,
    /// The program, where it is not a file inside the root.
    pub(super) program: Option<OwnedFd>,
    /// What the program finds open as descriptor 3.
    pub(super) store: Option<OwnedFd>,
    /// What hooks read that init runs.
    pub(crate) hook_states: HookStates,
}

/// The source of a bind mount.
#[derive(Debug)]
pub(super) struct BindSource {
    pub(super) mount: OwnedFd,
    pub(super) is_directory: bool,
    /// What it leads to, if it is a link of which one like it is made.
    pub(super) link: Option<CString>,
}

impl Sources {
    /// Opens everything that the plan names, but for what does not exist yet: the
    /// container's own cgroup.
    pub(crate) fn open(plan: &Plan, store: Option<OwnedFd>) -> Result<Self> {
        hooks(&plan.hooks)?;
        let procfs = match labels::open(&plan.process.labels, plan.has_mount_label)? {
            None if is_out_of_sight(plan) => Some(labels::hosts_procfs()?),
            opened => opened,
        };
        let joins = joins(&plan.namespaces)?;
        user::check(plan, &joins)?;
        let sysfs = user::must_bind_sysfs(&plan.namespaces, &joins)?;
        let mounts: Result<_> =
            plan.mounts.iter().map(|mount| bind_source(&mount.source, sysfs)).collect();
        let mounts: Vec<_> = mounts?;
        user::map_mounts(plan, &joins, &mounts)?;
        let null = if plan.masked_paths.is_empty() { None } else { Some(dev_null()?) };
        let program = match plan.process.executable {
            Executable::Search(_) => None,
            Executable::Pause => Some(
                file::sealed_memfd(c"pause", PAUSE, PAUSE_MODE)
                    .and_then(file::lift)
                    .doing(|| "the program of pause".to_owned())?,
            ),
        };
        Ok(Self {
            root: root(&plan.root)?,
            mounts,
            devices: plan.devices.iter().map(host_node).collect::<Result<_>>()?,
            joins,
            process: None,
            hidden: hidden(&plan.root)?,
            pid: pid_namespace(&plan.namespaces)?,
            procfs,
            null,
            program,
            store,
            hook_states: HookStates::default(),
        })
    }

    /// Opens what a process needs that is added to the container of `process`, a pidfd.
    pub(crate) fn of_exec(plan: &Plan, process: OwnedFd) -> Result<Self> {
        Ok(Self { process: Some(process), ..Self::open(plan, None)? })
    }

    /// Gives the mounts of the container's own cgroup their source, now that it exists.
    pub(crate) fn open_cgroup(&mut self, plan: &Plan, cgroup: BorrowedFd<'_>) -> Result<()> {
        self.open_late(plan, &Source::Cgroup, cgroup)
    }

    /// Likewise that of the directory of its socket.
    pub(crate) fn open_notify(&mut self, plan: &Plan, directory: BorrowedFd<'_>) -> Result<()> {
        self.open_late(plan, &Source::Notify, directory)
    }

    fn open_late(&mut self, plan: &Plan, kind: &Source, directory: BorrowedFd<'_>) -> Result<()> {
        for (planned, source) in plan.mounts.iter().zip(&mut self.mounts) {
            if planned.source == *kind {
                let mount = mount::open_tree(directory, c"", Depth::One)
                    .doing(|| format!("the source of {:?}", planned.target.path))?;
                *source = Some(BindSource { mount, is_directory: true, link: None });
            }
        }
        Ok(())
    }

    /// Every descriptor that is open here.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let mounts = self.mounts.iter().flatten().map(|source| &source.mount);
        let devices = self.devices.iter().flatten();
        let pid = self.pid.as_ref().map(|(fd, _)| fd);
        let (null, program) = (self.null.as_ref(), self.program.as_ref());
        let (procfs, store) = (self.procfs.as_ref(), self.store.as_ref());
        let others = [pid, self.process.as_ref(), procfs, null, program, store];
        mounts
            .chain(devices)
            .chain(&self.joins)
            .chain(others.into_iter().flatten())
            .chain([&self.root])
            .map(AsFd::as_fd)
    }

    pub(crate) fn pid_namespace(&self) -> sys::Result<BorrowedFd<'_>> {
        let none = || sys::Error::new("setns", format_args!("no PID namespace"), Errno::EBADF);
        self.pid.as_ref().map(|(fd, _)| fd.as_fd()).ok_or_else(none)
    }

    /// Whether procfs can be told which PID namespace it shows.
    pub(super) fn procfs_takes_pidns(&self) -> bool {
        self.pid.as_ref().is_some_and(|(_, takes)| *takes)
    }
}

fn bind_source(source: &Source, sysfs: Sysfs) -> Result<Option<BindSource>> {
    match source {
        Source::New { kind, .. } if kind.as_c_str() == c"sysfs" && sysfs == Sysfs::Bound => {
            user::sysfs().map(Some)
        }
        Source::Bind { path, depth, link } => BindSource::of_link(path, *depth, *link).map(Some),
        Source::New { .. }
        | Source::Tmpfs { .. }
        | Source::Remount { .. }
        | Source::Proc { .. }
        | Source::Notify
        | Source::Cgroup => Ok(None),
    }
}

impl BindSource {
    pub(super) fn open(path: &Path, depth: Depth) -> Result<Self> {
        let mount =
            open_tree(path, depth).doing(|| format!("mounts.source: {}", path.display()))?;
        Self::of(mount, path)
    }

    /// The same, if the source may be a link that is not to be followed.
    pub(super) fn of_link(path: &Path, depth: Depth, link: Link) -> Result<Self> {
        if link == Link::Follow {
            return Self::open(path, depth);
        }
        let doing = || format!("mounts.source: {}", path.display());
        let opened = c_path(path).and_then(|path| mount::open_tree_of_link(&path, depth));
        let mut source = Self::of(opened.doing(doing)?, path)?;
        let stat = file::fstat(source.mount.as_fd()).doing(doing)?;
        match link {
            // What is no link is mounted.
            Link::Copy if file::kind_of(&stat) == SFlag::S_IFLNK => {
                let mut text = [0; PATH_MAX];
                let to =
                    directory::readlinkat(source.mount.as_fd(), c"", &mut text).doing(doing)?;
                source.link = Some(to.to_owned());
            }
            Link::Copy | Link::Follow | Link::Stay => {}
        }
        Ok(source)
    }

    fn of(mount: OwnedFd, path: &Path) -> Result<Self> {
        let stat = file::fstat(mount.as_fd()).doing(|| path.display().to_string())?;
        Ok(Self { mount, is_directory: file::is_directory(&stat), link: None })
    }
}

/// The longest text of a link, with its NUL.
const PATH_MAX: usize = 4096;

fn open_tree(path: &Path, depth: Depth) -> sys::Result<OwnedFd> {
    match mount::open_tree(file::AT_FDCWD, &c_path(path)?, depth) {
        // A mount of another mount namespace can only be taken from inside that.
        Err(error) if error.errno() == Errno::EINVAL => {
            let Some((namespace, inside)) = of_another_process(path) else { return Err(error) };
            let namespace = file::open(&c_path(&namespace)?, OFlag::O_RDONLY)?;
            let inside = c_path(&inside)?;
            namespace::within_mount_namespace(namespace.as_fd(), || {
                mount::open_tree(file::AT_FDCWD, &inside, depth)
            })
        }
        opened => opened,
    }
}

/// For `/proc/PID/root/rest`: the mount namespace of that process, and `/rest`.
fn of_another_process(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut parts = path.components();
    let process: PathBuf = parts.by_ref().take(3).collect();
    let is_process = process.strip_prefix("/proc").is_ok_and(|pid| pid.to_str().is_some());
    (is_process && parts.next() == Some(Component::Normal(OsStr::new("root"))))
        .then(|| (process.join("ns/mnt"), Path::new("/").join(parts.as_path())))
}

/// The node of the host that is bound in place of a device, made sure of.
fn host_node(device: &Device) -> Result<Option<OwnedFd>> {
    let Some(path) = &device.host else { return Ok(None) };
    let field = || format!("linux.devices: {path:?}");
    let mount = private(path).doing(field)?;
    let stat = file::fstat(mount.as_fd()).doing(field)?;
    let kind = match device.kind {
        DeviceKind::Character => SFlag::S_IFCHR,
        DeviceKind::Block => SFlag::S_IFBLK,
        DeviceKind::Fifo => SFlag::S_IFIFO,
    };
    let (major, minor) = (device.major, device.minor);
    if file::kind_of(&stat) == kind && stat.st_rdev == file::device_number(major, minor) {
        return Ok(Some(mount));
    }
    let reason =
        format!("not the device {major}:{minor} on this host, which a user namespace needs");
    Err(Error::invalid("linux.devices", format!("{path:?}"), reason))
}

fn root(root: &Root) -> Result<OwnedFd> {
    match root {
        Root::Directory { path, .. } => {
            let mount = directory(path, || {
                mount::open_tree(file::AT_FDCWD, &c_path(path)?, Depth::Recursive)
            })?;
            // Before it is attached anywhere: nothing that is mounted inside may show on the host.
            let slave = Attributes { propagation: MS_SLAVE, ..Attributes::default() };
            mount::mount_setattr(mount.as_fd(), Depth::Recursive, &slave)
                .doing(|| format!("root.path: {}", path.display()))?;
            Ok(mount)
        }
        Root::Chroot { path } => {
            directory(path, || file::open(&c_path(path)?, OFlag::O_PATH | OFlag::O_DIRECTORY))
        }
        Root::Empty { owner: (uid, gid) } => {
            let make = || {
                let tmpfs = Filesystem::open(c"tmpfs")?;
                tmpfs.set(c"mode", Some(c"0755"))?;
                for (key, id) in
                    [(c"uid", uid), (c"gid", gid)].into_iter().filter(|(_, id)| **id != 0)
                {
                    tmpfs.set(key, CString::new(id.to_string()).ok().as_deref())?;
                }
                tmpfs.mount(MOUNT_ATTR_NODEV)
            };
            make().doing(|| "an empty root".to_owned())
        }
        Root::Joined => {
            file::open(c"/", OFlag::O_PATH | OFlag::O_DIRECTORY).doing(|| "/".to_owned())
        }
    }
}

/// Opens a root directory, and makes sure that it is one, and not that of the host.
fn directory(path: &Path, open: impl FnOnce() -> sys::Result<OwnedFd>) -> Result<OwnedFd> {
    let name = || format!("root.path: {}", path.display());
    let opened = open().doing(name)?;
    let stat = file::fstat(opened.as_fd()).doing(name)?;
    if !file::is_directory(&stat) {
        return Err(Error::invalid("root.path", path.display(), "not a directory"));
    }
    let host = file::stat(c"/").doing(name)?;
    if (stat.st_dev, stat.st_ino) == (host.st_dev, host.st_ino) {
        return Err(Error::invalid("root.path", path.display(), "is the root of the host"));
    }
    Ok(opened)
}

/// Hooks of the host must be there before anything is made that they would belong to.
fn hooks(hooks: &Hooks) -> Result<()> {
    for (kind, hook) in hooks.of_the_host() {
        let field = format!("hooks.{kind}.path");
        let invalid =
            |reason: &str| Err(Error::invalid(&field, format!("{:?}", hook.path), reason));
        match file::stat(&hook.path) {
            Err(error) if matches!(error.errno(), Errno::ENOENT | Errno::ENOTDIR) => {
                return invalid("no such file");
            }
            found if !file::is_regular(&found.doing(|| format!("{field}: {:?}", hook.path))?) => {
                return invalid("not a program");
            }
            _ => {}
        }
        if file::is_executable(&hook.path).is_err() {
            return invalid("not executable");
        }
    }
    Ok(())
}

/// The mounts that a root which only covers the host's has to hide, the last one first.
fn hidden(root: &Root) -> Result<Vec<CString>> {
    if !matches!(root, Root::Directory { switch: Switch::Cover, .. }) {
        return Ok(Vec::new());
    }
    let failed = |error: procfs::ProcError| Error::unsupported("--no-pivot", error.to_string());
    let mounts = Process::myself().and_then(|this| this.mountinfo()).map_err(failed)?;
    let is_view = |kind: &str| matches!(kind, "proc" | "sysfs");
    let places = mounts.0.iter().rev().filter(|mount| is_view(&mount.fs_type));
    places.map(|mount| c_path(&mount.mount_point).doing(|| "--no-pivot".to_owned())).collect()
}

fn joins(namespaces: &Namespaces) -> Result<Vec<OwnedFd>> {
    if namespaces.time.is_some() && file::stat(c"/proc/self/ns/time").is_err() {
        let reason = "this kernel has no time namespaces";
        return Err(Error::unsupported("linux.namespaces[time]", reason));
    }
    namespaces.join.iter().map(|join| open_namespace(&join.path, join.kind)).collect()
}

fn pid_namespace(namespaces: &Namespaces) -> Result<Option<(OwnedFd, bool)>> {
    let Some(path) = &namespaces.join_pid else { return Ok(None) };
    let opened = open_namespace(path, CloneFlags::CLONE_NEWPID)?;
    // KERNEL(6.17): procfs takes the PID namespace to show as the option `pidns`.
    let takes = mount::procfs_takes_pidns(opened.as_fd()).doing(|| "procfs".to_owned())?;
    Ok(Some((opened, takes)))
}

/// Opens a namespace, and makes sure that it is one, and of that kind.
fn open_namespace(path: &Path, kind: CloneFlags) -> Result<OwnedFd> {
    let field = || format!("linux.namespaces: {}", path.display());
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK;
    let opened = c_path(path).and_then(|path| file::open(&path, flags)).doing(field)?;
    match namespace::kind_of(opened.as_fd()).doing(field)? {
        Some(found) if found == kind => Ok(opened),
        Some(found) => {
            let reason = format!("a {} namespace, not a {} one", name(found), name(kind));
            Err(Error::invalid("linux.namespaces", path.display(), reason))
        }
        None => Err(Error::invalid("linux.namespaces", path.display(), "not a namespace")),
    }
}

/// A kind of namespace as `linux.namespaces[].type` calls it.
fn name(kind: CloneFlags) -> &'static str {
    match kind {
        CloneFlags::CLONE_NEWNS => "mount",
        CloneFlags::CLONE_NEWCGROUP => "cgroup",
        CloneFlags::CLONE_NEWUTS => "uts",
        CloneFlags::CLONE_NEWIPC => "ipc",
        CloneFlags::CLONE_NEWUSER => "user",
        CloneFlags::CLONE_NEWPID => "pid",
        CloneFlags::CLONE_NEWNET => "network",
        _ => "time",
    }
}

/// A mount of a file of the host's, which is no peer of the one that it is taken from: what is
/// mounted on it inside must not show on the host.
fn private(path: &CStr) -> sys::Result<OwnedFd> {
    let mount = mount::open_tree(file::AT_FDCWD, path, Depth::One)?;
    let private = Attributes { propagation: MS_PRIVATE, ..Attributes::default() };
    mount::mount_setattr(mount.as_fd(), Depth::One, &private)?;
    Ok(mount)
}

/// The host's `/dev/null`, made sure of, as a detached mount.
fn dev_null() -> Result<OwnedFd> {
    let doing = || "/dev/null".to_owned();
    let mount = private(c"/dev/null").doing(doing)?;
    let stat = file::fstat(mount.as_fd()).doing(doing)?;
    if file::is_device(&stat, 1, 3) {
        return Ok(mount);
    }
    Err(Error::invalid("linux.maskedPaths", "/dev/null", "not the null device on this host"))
}

fn c_path(path: &Path) -> sys::Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| sys::Error::new("open", format_args!("{}", path.display()), Errno::EINVAL))
}
