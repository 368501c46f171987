//! What is to be done, decided before anything is touched.
//!
//! [`Plan::build`] turns the `Spec` (config.json as asked) into owned, validated data that is
//! already in the form the system calls take. It reads nothing but its arguments, so every decision
//! can be tested without root; and the process that carries the plan out, between clone and exec,
//! decides and allocates nothing.

pub(crate) mod cgroup;
mod delegate;
mod devices;
mod exec;
mod hooks;
pub(crate) mod ids;
mod ignored;
mod labels;
mod mounts;
mod namespaces;
mod netdevices;
pub(crate) mod pause;
mod process;
mod schedule;
pub(crate) mod seccomp;
mod target;
mod time;

use crate::error::{Error, Result};
use crate::spec::sysctl_path;
use crate::sys::mount::{Attributes, Depth};
use oci_spec::runtime::{Linux, Spec};
use std::ffi::CString;
use std::path::{Path, PathBuf};

pub(crate) use cgroup::CgroupPlan;
pub(crate) use devices::{Device, DeviceKind, Symlink};
pub(crate) use exec::Existing;
pub(crate) use hooks::Hooks;
pub(crate) use ids::IdMaps;
pub(crate) use labels::Labels;
pub(crate) use mounts::{IdMapped, Link, Mount, Parameter, Source};
pub(crate) use mounts::{added as added_mounts, options as mount_options};
pub(crate) use namespaces::{Join, Namespaces, Shape, Sharing, Time, User};
pub(crate) use netdevices::NetDevice;
pub use pause::Annotation;
pub(crate) use process::{Executable, Identity, Process, Stdio};
pub(crate) use schedule::{Common, Schedule};
pub(crate) use target::Target;

/// Everything that init does, in the order in which it does it; and what its parent does for it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) namespaces: Namespaces,
    /// The session keyring, by its name.
    pub(crate) keyring: Option<CString>,
    pub(crate) root: Root,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) devices: Vec<Device>,
    pub(crate) symlinks: Vec<Symlink>,
    /// Devices of the host that its network namespace takes over.
    pub(crate) net_devices: Vec<NetDevice>,
    pub(crate) hostname: Option<CString>,
    pub(crate) domainname: Option<CString>,
    /// Files below `/proc/sys`, and what is written there.
    pub(crate) sysctls: Vec<(CString, CString)>,
    pub(crate) readonly_paths: Vec<CString>,
    pub(crate) masked_paths: Vec<CString>,
    pub(crate) hooks: Hooks,
    pub(crate) process: Process,
    /// What `exec` gives to other processes too.
    pub(crate) common: Common,
    pub(crate) cgroup: CgroupPlan,
    /// Whether the files of new file systems have a label of `SELinux`.
    pub(crate) has_mount_label: bool,
    /// What was asked for and will not be given, for the caller to print.
    pub(crate) warnings: Vec<String>,
}

/// The file system that becomes `/`.
#[derive(Debug)]
pub(crate) enum Root {
    /// A directory of the host, in a mount namespace of its own. Until it is entered it is attached
    /// at `place`: over `/`, or where hooks look for it.
    Directory {
        path: PathBuf,
        place: CString,
        readonly: bool,
        propagation: Option<(Attributes, Depth)>,
        switch: Switch,
    },
    /// A directory of the host, in the host's mount namespace: entered by chroot.
    Chroot { path: PathBuf },
    /// A new tmpfs that holds the mount points and nothing else, for a process
    /// without files: pause. It belongs to that user and group of the host.
    Empty { owner: (u32, u32) },
    /// That of the mount namespace which is joined.
    Joined,
}

/// How a mount becomes the root.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Switch {
    /// By `pivot_root`: what was the root is gone.
    #[default]
    Pivot,
    /// It covers what was the root, and is entered by chroot: from a ramdisk nothing can pivot.
    Cover,
}

/// What the plan needs to know of the host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// The capabilities that this process may give away.
    pub(crate) permitted: u64,
}

/// What the caller asks for beside the bundle.
#[derive(Debug, Default)]
pub(crate) struct Options<'a> {
    /// What a container has that is to run pause, whatever its program is.
    pub(crate) pause_if: Option<Annotation<'a>>,
    /// The pod whose namespaces replace those of config.json.
    pub(crate) sandbox: Option<Sharing>,
    /// The container whose session keyring it has; `None` leaves it that of the caller.
    pub(crate) keyring_of: Option<String>,
    pub(crate) switch: Switch,
    /// Whether somebody waits to hear that the container is ready.
    pub(crate) is_notified: bool,
    pub(crate) descriptors: Descriptors,
}

/// The descriptors after stdio that a program keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// How many of them are sockets of systemd's, which come first.
    pub(crate) listening: u32,
    /// How many others.
    pub(crate) others: u32,
}

impl Descriptors {
    pub(crate) fn number(self) -> u32 {
        self.listening.saturating_add(self.others)
    }
}

impl Plan {
    /// Decides everything. `bundle` is absolute: relative paths of config.json start there.
    pub(crate) fn build(
        spec: &Spec,
        bundle: &Path,
        options: &Options<'_>,
        facts: &Facts,
    ) -> Result<Self> {
        let none = Linux::default_empty();
        let linux = spec.linux().as_ref().unwrap_or(&none);
        let sandbox = options.sandbox.as_ref();
        let namespaces = Namespaces::build(linux, sandbox)?;
        if options.switch == Switch::Cover && namespaces.user.is_own() {
            // It would stay reachable: in a user namespace the host's mounts cannot be detached.
            let reason = "the root of the host cannot be hidden in a user namespace";
            return Err(Error::unsupported("--no-pivot", reason));
        }
        let hooks = Hooks::build(spec)?;
        let root = Root::build(spec, bundle, (&namespaces, options.switch), &hooks)?;
        // The names of a pod are the pod's: a container that was written to run alone must
        // not rename it.
        let named = spec.hostname().as_deref().filter(|_| sandbox.is_none());
        let domain = spec.domainname().as_deref().filter(|_| sandbox.is_none());
        let mut warnings = ignored::warnings(spec);
        let facts = namespaces.user.facts(facts);
        let mut process = Process::build(spec, &facts, &mut warnings)?;
        if options.pause_if.is_some_and(|mark| mark.is_in(spec)) {
            process = process.replaced(namespaces.user.maps())?;
        }
        if let Some(maps) = namespaces.user.maps() {
            process.identity.must_be_mapped(maps)?;
        }
        process.preserve(options.descriptors)?;
        let mut mounts = mounts::build(spec, bundle, sandbox, &namespaces.user, &mut warnings)?;
        if options.is_notified && namespaces.has_new_mounts() {
            mounts.push(mounts::notify()?);
            process.tell_of(mounts::NOTIFY_SOCKET);
        }
        let keyring = options.keyring_of.as_deref().map(session_keyring).transpose()?;
        let has_mounts = matches!(root, Root::Directory { .. });
        Ok(Self {
            devices: if has_mounts { devices::build(linux, &namespaces.user)? } else { Vec::new() },
            symlinks: if has_mounts { devices::symlinks() } else { Vec::new() },
            net_devices: netdevices::build(linux),
            hostname: named.map(|name| c_string("hostname", name)).transpose()?,
            domainname: domain.map(|name| c_string("domainname", name)).transpose()?,
            sysctls: sysctls(linux)?,
            readonly_paths: paths("linux.readonlyPaths", linux.readonly_paths().as_deref())?,
            masked_paths: paths("linux.maskedPaths", linux.masked_paths().as_deref())?,
            hooks,
            cgroup: CgroupPlan {
                owner: namespaces.delegates_to(&mounts, process.identity.uid.real),
                ..CgroupPlan::build(linux.resources().as_ref())?
            },
            mounts,
            namespaces,
            keyring,
            root,
            has_mount_label: linux.mount_label().as_ref().is_some_and(|label| !label.is_empty()),
            common: Common::of(linux, &process.labels)?,
            process,
            warnings,
        })
    }
}

impl Facts {
    /// Asks the kernel.
    pub(crate) fn probe() -> Result<Self> {
        let failed = |error: caps::errors::CapsError| {
            Error::unsupported("process.capabilities", error.to_string())
        };
        let permitted = caps::read(None, caps::CapSet::Permitted).map_err(failed)?;
        Ok(Self { permitted: permitted.iter().map(caps::Capability::bitmask).sum() })
    }
}

impl User {
    /// Whoever enters a user namespace, or makes it, has every capability there.
    pub(super) fn facts(&self, host: &Facts) -> Facts {
        if self.is_own() { Facts { permitted: u64::MAX } } else { *host }
    }
}

impl Root {
    fn build(
        spec: &Spec,
        bundle: &Path,
        (namespaces, switch): (&Namespaces, Switch),
        hooks: &Hooks,
    ) -> Result<Self> {
        if namespaces.joins_mounts() {
            return Ok(Self::Joined);
        }
        let root = spec.root().as_ref().ok_or_else(|| {
            Error::invalid("root", "missing", "a container needs a root file system")
        })?;
        let path = bundle.join(root.path());
        if !namespaces.has_new_mounts() {
            return Ok(Self::Chroot { path });
        }
        let readonly = root.readonly().unwrap_or(false);
        let propagation = spec
            .linux()
            .as_ref()
            .and_then(|linux| linux.rootfs_propagation().as_deref())
            .filter(|name| !name.is_empty())
            .map(|name| {
                let (propagation, depth) = mounts::propagation(name).ok_or_else(|| {
                    Error::invalid("linux.rootfsPropagation", name, "no such propagation")
                })?;
                Ok((Attributes { propagation, ..Attributes::default() }, depth))
            })
            .transpose()?;
        let place = if hooks.run_before_pivot() { path.as_path() } else { Path::new("/") };
        let place = c_path("root.path", place)?;
        Ok(Self::Directory { path, place, readonly, propagation, switch })
    }
}

/// An empty `linux` section: oci-spec's default one asks for namespaces and masked paths.
trait DefaultEmpty {
    fn default_empty() -> Self;
}

impl DefaultEmpty for Linux {
    fn default_empty() -> Self {
        let mut linux = Self::default();
        linux.set_resources(None).set_namespaces(None);
        linux.set_masked_paths(None).set_readonly_paths(None).set_devices(None);
        linux
    }
}

fn sysctls(linux: &Linux) -> Result<Vec<(CString, CString)>> {
    let mut found = Vec::new();
    for (key, value) in linux.sysctl().iter().flatten() {
        let field = format!("linux.sysctl[{key:?}]");
        found.push((
            c_string(&field, &format!("sys/{}", sysctl_path(key)))?,
            c_string(&field, value)?,
        ));
    }
    found.sort();
    Ok(found)
}

fn paths(field: &str, found: Option<&[String]>) -> Result<Vec<CString>> {
    let mut paths = Vec::new();
    for path in found.unwrap_or_default() {
        let path = c_string(field, path)?;
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// The name under which `exec` finds the session keyring again.
fn session_keyring(id: &str) -> Result<CString> {
    c_string("container id", &format!("_ses.{id}"))
}

/// A string that a system call can take.
fn c_string(field: &str, text: &str) -> Result<CString> {
    CString::new(text)
        .map_err(|_| Error::invalid(field, format!("{text:?}"), "contains a NUL byte"))
}

/// A path that a system call can take.
fn c_path(field: &str, path: &Path) -> Result<CString> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Error::invalid(field, path.display(), "contains a NUL byte"))
}

#[cfg(test)]
mod tests;
