//! The rules of the OCI runtime specification, and some that only the kernel knows, as far as they
//! can be checked without a look at the host.

mod hooks;
mod linux;
mod mounts;
mod namespaces;
mod netdevices;
mod process;
mod schedule;
mod seccomp;

pub(crate) use linux::sysctl_path;
pub(crate) use mounts::{REPLACEABLE, check_mounts};
pub(crate) use seccomp::check as check_seccomp;

use super::signal;
use crate::error::{Error, Result};
use namespaces::{Kind, Namespaces};
use oci_spec::runtime::{Process, Spec};
use std::path::{Component, Path};

/// include/uapi/linux/utsname.h: the longest host name and domain name.
const NEW_UTS_LEN: usize = 64;

/// image-spec, conversion.md: where the stop signal of an image goes.
const STOP_SIGNAL: &str = "org.opencontainers.image.stopSignal";

/// A part of config.json and its rules.
type Rule = fn(&Spec, &Namespaces<'_>) -> Result<()>;

const RULES: [Rule; 9] = [
    |spec, _| version(spec.version()),
    |spec, _| process::check(spec.process().as_ref()),
    root,
    mounts::check,
    |spec, namespaces| name("hostname", spec.hostname().as_deref(), namespaces),
    |spec, namespaces| name("domainname", spec.domainname().as_deref(), namespaces),
    |spec, _| annotations(spec),
    |spec, namespaces| {
        spec.hooks().as_ref().map_or(Ok(()), |found| hooks::check(found, namespaces))
    },
    linux::check,
];

pub(super) fn check(spec: &Spec) -> Result<()> {
    version(spec.version())?;
    let namespaces = Namespaces::new(spec.linux().as_ref())?;
    RULES.iter().try_for_each(|rule| rule(spec, &namespaces))
}

/// The first problem of each part, and of each mount.
pub(super) fn problems(spec: &Spec) -> Vec<Error> {
    let mounts = spec.mounts().as_deref().unwrap_or_default();
    let of_mounts =
        mounts.iter().filter_map(|mount| check_mounts(std::slice::from_ref(mount)).err());
    let of_parts: Vec<_> = match Namespaces::new(spec.linux().as_ref()) {
        Ok(namespaces) => RULES.iter().filter_map(|rule| rule(spec, &namespaces).err()).collect(),
        Err(error) => vec![error],
    };
    of_parts.into_iter().chain(of_mounts).collect()
}

/// The rules for a process that is added to a container.
pub(super) fn check_process(process: &Process) -> Result<()> {
    process::check(Some(process))
}

/// config.md, "Specification version": as semver.org 2.0.0 has it.
fn version(version: &str) -> Result<()> {
    if version.is_empty() {
        return Err(Error::invalid("ociVersion", "missing", "required"));
    }
    let numbers = version.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = numbers.split('.').collect();
    let are_numbers = parts.iter().all(|part| part.parse::<u32>().is_ok());
    if parts.len() != 3 || !are_numbers || parts[0] != "1" {
        let reason = "not a version of the specification that peapod knows, which are 1.x.y";
        return Err(Error::invalid("ociVersion", format!("{version:?}"), reason));
    }
    Ok(())
}

/// config.md, "Root".
fn root(spec: &Spec, namespaces: &Namespaces<'_>) -> Result<()> {
    let Some(root) = spec.root() else {
        if namespaces.joins(Kind::Mount) {
            return Ok(());
        }
        return Err(Error::invalid("root", "missing", "a container needs a root file system"));
    };
    let invalid = |reason: &str| {
        Err(Error::invalid("root.path", format!("{:?}", root.path().display()), reason))
    };
    if root.path().as_os_str().is_empty() {
        return invalid("empty");
    }
    if has_nul(root.path()) {
        return invalid("contains a NUL byte");
    }
    let is_nowhere = |part| matches!(part, Component::RootDir | Component::ParentDir);
    if root.path().is_absolute() && root.path().components().all(is_nowhere) {
        return invalid("the root file system of the host is not one for a container");
    }
    if root.readonly() == Some(true) {
        namespaces.must_have_mounts_of_its_own("root.readonly", "true")?;
    }
    Ok(())
}

/// config.md, "Hostname" and "Domainname".
fn name(field: &str, name: Option<&str>, namespaces: &Namespaces<'_>) -> Result<()> {
    let Some(name) = name else { return Ok(()) };
    let invalid = |reason: &str| Err(Error::invalid(field, format!("{name:?}"), reason));
    if !namespaces.has(Kind::Uts) {
        return invalid("needs a UTS namespace, or it would be the host's");
    }
    if name.len() > NEW_UTS_LEN {
        return invalid("longer than 64 bytes");
    }
    if name.contains('\0') {
        return invalid("contains a NUL byte");
    }
    Ok(())
}

/// config.md, "Annotations".
fn annotations(spec: &Spec) -> Result<()> {
    let Some(annotations) = spec.annotations() else { return Ok(()) };
    if let Some(value) = annotations.get("") {
        return Err(Error::invalid("annotations", format!("{value:?}"), "its key is empty"));
    }
    stop_signal(spec).map(drop)
}

/// What the image says of the signal that stops it.
pub(crate) fn stop_signal(spec: &Spec) -> Result<Option<i32>> {
    let annotations = spec.annotations().as_ref();
    let Some(value) = annotations.and_then(|annotations| annotations.get(STOP_SIGNAL)) else {
        return Ok(None);
    };
    signal::parse(value).map(Some).ok_or_else(|| {
        let field = format!("annotations[{STOP_SIGNAL}]");
        Error::invalid(field, format!("{value:?}"), "not a signal")
    })
}

/// A path inside the container that must be absolute.
fn absolute_path(field: &str, path: &Path) -> Result<()> {
    let invalid =
        |reason: &str| Err(Error::invalid(field, format!("{:?}", path.display()), reason));
    if !path.is_absolute() {
        return invalid("not an absolute path");
    }
    if has_nul(path) {
        return invalid("contains a NUL byte");
    }
    Ok(())
}

fn has_nul(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().contains(&0)
}

#[cfg(test)]
mod tests;
