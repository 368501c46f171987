//! config-linux.md.

use super::namespaces::{Kind, Namespaces};
use super::{absolute_path, has_nul, netdevices, process, schedule, seccomp};
use crate::error::{Error, Result};
use oci_spec::runtime::{Linux, LinuxDevice, LinuxDeviceType, Spec};
use std::collections::HashMap;
use std::path::{Component, Path};

/// The longest name of a file, and so of a cgroup.
const NAME_MAX: usize = 255;

/// More cgroups above each other than anybody means; the kernel itself takes any number.
const MOST_CGROUPS: usize = 255;

/// Sysctls of an IPC namespace (`ipc/ipc_sysctl.c`), beside all of `fs.mqueue`.
const IPC_SYSCTLS: [&str; 8] = [
    "kernel/msgmax",
    "kernel/msgmnb",
    "kernel/msgmni",
    "kernel/sem",
    "kernel/shm_rmid_forced",
    "kernel/shmall",
    "kernel/shmmax",
    "kernel/shmmni",
];

pub(super) fn check(spec: &Spec, namespaces: &Namespaces<'_>) -> Result<()> {
    let Some(linux) = spec.linux() else { return Ok(()) };
    if let Some(path) = linux.cgroups_path() {
        cgroups_path(path)?;
    }
    propagation(linux, namespaces)?;
    schedule::memory_policy(linux)?;
    netdevices::check(linux, namespaces)?;
    if let Some(sysctls) = linux.sysctl() {
        sysctl(sysctls, namespaces)?;
    }
    if let Some(filter) = linux.seccomp() {
        seccomp::check(filter)?;
    }
    let devices = linux.devices().as_deref().unwrap_or_default();
    if let Some(first) = devices.first() {
        let value = format!("{:?}", first.path().display());
        namespaces.must_have_mounts_of_its_own("linux.devices", &value)?;
    }
    devices.iter().try_for_each(device)
}

fn cgroups_path(path: &Path) -> Result<()> {
    let invalid = |reason: &str| {
        Err(Error::invalid("linux.cgroupsPath", format!("{:?}", path.display()), reason))
    };
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    if has_nul(path) || path.to_string_lossy().contains(char::is_control) {
        return invalid("contains a control character");
    }
    let mut names = 0;
    for part in path.components() {
        match part {
            Component::ParentDir => return invalid("must not contain .."),
            Component::Normal(name) if name.len() > NAME_MAX => {
                return invalid("has a name of more than 255 bytes");
            }
            Component::Normal(_) => names += 1,
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    match names {
        0 => invalid("the root cgroup is not one for a container"),
        1..=MOST_CGROUPS => Ok(()),
        _ => invalid("has more than 255 parts"),
    }
}

fn propagation(linux: &Linux, namespaces: &Namespaces<'_>) -> Result<()> {
    let field = "linux.rootfsPropagation";
    let name = linux.rootfs_propagation().as_deref().unwrap_or_default();
    match name.strip_prefix('r').unwrap_or(name) {
        "" if name.is_empty() => Ok(()),
        "private" | "shared" | "slave" | "unbindable" => {
            namespaces.must_have_mounts_of_its_own(field, name)
        }
        _ => {
            let reason = "not one of private, shared, slave and unbindable";
            Err(Error::invalid(field, format!("{name:?}"), reason))
        }
    }
}

/// Only what belongs to a namespace of the container may be set: anything else would change the
/// host.
fn sysctl(sysctls: &HashMap<String, String>, namespaces: &Namespaces<'_>) -> Result<()> {
    let mut keys: Vec<_> = sysctls.keys().map(|key| (sysctl_path(key), key)).collect();
    keys.sort();
    if let Some(two) = keys.windows(2).find(|two| two[0].0 == two[1].0) {
        let field = format!("linux.sysctl[{:?}]", two[1].1);
        return Err(Error::invalid(field, "given twice", format!("also as {:?}", two[0].1)));
    }
    for (path, key) in keys {
        if let Some(reason) = refusal(&path, namespaces) {
            let field = format!("linux.sysctl[{key:?}]");
            return Err(Error::invalid(field, format!("{:?}", sysctls[key]), reason));
        }
        if sysctls[key].contains('\0') {
            let value = format!("{:?}", sysctls[key]);
            let field = format!("linux.sysctl[{key:?}]");
            return Err(Error::invalid(field, value, "contains a NUL byte"));
        }
    }
    Ok(())
}

/// The file of a sysctl below `/proc/sys`. Whichever of `.` and `/` comes first separates, and the
/// other one is part of a name, as in `net.ipv4.conf.eth0/100.forwarding` (sysctl(8)).
pub(crate) fn sysctl_path(key: &str) -> String {
    if key.find(['.', '/']).is_none_or(|at| key[at..].starts_with('/')) {
        return key.to_owned();
    }
    let swapped = |c| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    key.chars().map(swapped).collect()
}

/// Why a sysctl may not be set.
fn refusal(path: &str, namespaces: &Namespaces<'_>) -> Option<&'static str> {
    let is_bad = |part: &str| matches!(part, "" | "." | "..") || part.contains('\0');
    if path.split('/').any(is_bad) {
        return Some("not the name of a sysctl");
    }
    let (kind, reason) = if IPC_SYSCTLS.contains(&path) || path.starts_with("fs/mqueue/") {
        (Kind::Ipc, "needs an IPC namespace, or it would be the host's")
    } else if path.starts_with("net/") {
        (Kind::Network, "needs a network namespace, or it would be the host's")
    } else if path.starts_with("user/") {
        (Kind::User, "needs a user namespace, or it would be the host's")
    } else if path == "kernel/domainname" {
        (Kind::Uts, "needs a UTS namespace, or it would be the host's")
    } else if path == "kernel/hostname" {
        return Some("is set by the field hostname");
    } else {
        return Some("belongs to no namespace: it would be the host's");
    };
    (!namespaces.has(kind)).then_some(reason)
}

fn device(device: &LinuxDevice) -> Result<()> {
    let path = device.path();
    absolute_path("linux.devices.path", path)?;
    let field = |name: &str| format!("linux.devices[{}].{name}", path.display());
    if path.components().any(|part| part == Component::ParentDir) || path.file_name().is_none() {
        let value = format!("{:?}", path.display());
        return Err(Error::invalid("linux.devices.path", value, "not the path of a device"));
    }
    if device.typ() == LinuxDeviceType::A {
        return Err(Error::invalid(field("type"), "\"a\"", "means all devices, not one"));
    }
    for (name, number) in [("major", device.major()), ("minor", device.minor())] {
        if !(0..=i64::from(u32::MAX)).contains(&number) {
            return Err(Error::invalid(field(name), number, "not the number of a device"));
        }
    }
    if let Some(mode) = device.file_mode().filter(|mode| !is_mode_of(device.typ(), *mode)) {
        let reason = format!("not within 0 and {} (octal 7777)", 0o7777);
        return Err(Error::invalid(field("fileMode"), mode, reason));
    }
    process::id(&field("uid"), device.uid().unwrap_or(0))?;
    process::id(&field("gid"), device.gid().unwrap_or(0))
}

/// Whether it is a mode, be it with the type of the file in it: podman copies `st_mode` of the
/// host's device (stat(2), inode(7)).
fn is_mode_of(kind: LinuxDeviceType, mode: u32) -> bool {
    let file_type = match kind {
        LinuxDeviceType::B => 0o060_000,
        LinuxDeviceType::P => 0o010_000,
        LinuxDeviceType::A | LinuxDeviceType::C | LinuxDeviceType::U => 0o020_000,
    };
    matches!(mode & !0o7777, kept if kept == 0 || kept == file_type)
}

#[cfg(test)]
mod tests;
