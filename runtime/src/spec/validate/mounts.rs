//! config.md, "Mounts", and the paths that config-linux.md masks or protects.

use super::has_nul;
use super::namespaces::Namespaces;
use crate::error::{Error, Result};
use oci_spec::runtime::{Mount, Spec};
use std::path::{Component, Path, PathBuf};

/// Files of procfs that another file may be mounted over, as LXCFS does to show a container its own
/// limits in them, and container engines to show it the host's FIPS mode.
pub(crate) const REPLACEABLE: [&str; 11] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net/dev",
    "/proc/slabinfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/sys/crypto/fips_enabled",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/uptime",
];

pub(super) fn check(spec: &Spec, namespaces: &Namespaces<'_>) -> Result<()> {
    let mounts = spec.mounts().as_deref().unwrap_or_default();
    if let Some(first) = mounts.first() {
        let value = format!("{:?}", first.destination().display());
        namespaces.must_have_mounts_of_its_own("mounts", &value)?;
    }
    mounts.iter().try_for_each(mount)?;
    let Some(linux) = spec.linux() else { return Ok(()) };
    paths("linux.maskedPaths", linux.masked_paths().as_deref(), namespaces)?;
    paths("linux.readonlyPaths", linux.readonly_paths().as_deref(), namespaces)
}

/// Those that a container is given while it runs.
pub(crate) fn check_mounts(mounts: &[Mount]) -> Result<()> {
    mounts.iter().try_for_each(mount)
}

fn paths(field: &str, paths: Option<&[String]>, namespaces: &Namespaces<'_>) -> Result<()> {
    let paths = paths.unwrap_or_default();
    if let Some(first) = paths.first() {
        namespaces.must_have_mounts_of_its_own(field, &format!("{first:?}"))?;
    }
    paths
        .iter()
        .enumerate()
        .try_for_each(|(at, path)| super::absolute_path(&format!("{field}[{at}]"), Path::new(path)))
}

/// A relative destination is meant from the root (config.md since 1.2.0), and `..` never leads out
/// of it.
fn mount(mount: &Mount) -> Result<()> {
    let destination = mount.destination();
    let field = |name: &str| format!("mounts[{}].{name}", destination.display());
    if destination.as_os_str().is_empty() {
        return Err(Error::invalid("mounts.destination", "\"\"", "empty"));
    }
    if has_nul(destination) {
        let value = format!("{:?}", destination.display());
        return Err(Error::invalid("mounts.destination", value, "contains a NUL byte"));
    }
    if mount.source().as_ref().is_some_and(|source| has_nul(source)) {
        let value = format!("{:?}", mount.source().clone().unwrap_or_default().display());
        return Err(Error::invalid(field("source"), value, "contains a NUL byte"));
    }
    for option in mount.options().iter().flatten() {
        if option.contains('\0') {
            let value = format!("{option:?}");
            return Err(Error::invalid(field("options"), value, "contains a NUL byte"));
        }
    }
    let kind = mount.typ().as_deref().unwrap_or_default();
    let is_bind = kind == "bind" || has_option(mount, "bind") || has_option(mount, "rbind");
    if !is_bind && matches!(kind, "" | "none") && !has_option(mount, "remount") {
        let reason = "needed, unless the options have bind or rbind";
        return Err(Error::invalid(field("type"), "missing", reason));
    }
    if kind.contains(['\0', '/']) {
        return Err(Error::invalid(field("type"), format!("{kind:?}"), "not a file system type"));
    }
    over_procfs(&normal(destination), kind, is_bind)
}

fn has_option(mount: &Mount, option: &str) -> bool {
    mount.options().iter().flatten().any(|found| found == option)
}

/// A file system over a part of procfs would let the container swallow what is written there for
/// it, such as its `AppArmor` profile (CVE-2019-16884, CVE-2019-19921).
fn over_procfs(destination: &Path, kind: &str, is_bind: bool) -> Result<()> {
    if !destination.starts_with("/proc") {
        return Ok(());
    }
    let is_allowed = if destination == Path::new("/proc") {
        kind == "proc" || is_bind
    } else {
        is_bind && REPLACEABLE.iter().any(|file| destination == Path::new(file))
    };
    if is_allowed {
        return Ok(());
    }
    let value = format!("{:?}", destination.display());
    Err(Error::invalid("mounts.destination", value, "must not be hidden: it is part of procfs"))
}

/// The destination as a path from the container's root, as far as that can be said without its
/// symbolic links.
fn normal(destination: &Path) -> PathBuf {
    let mut path = PathBuf::from("/");
    for part in destination.components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => drop(path.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    path
}
