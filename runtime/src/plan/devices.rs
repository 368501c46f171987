//! The devices that every container has (config-linux.md, "Default Devices"), and those
//! that it asks for.

use super::{Target, User};
use crate::error::{Error, Result};
use oci_spec::runtime::{Linux, LinuxDevice, LinuxDeviceType};
use std::ffi::CString;

/// A device node to make.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) target: Target,
    pub(crate) kind: DeviceKind,
    pub(crate) major: u64,
    pub(crate) minor: u64,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The node of the host that is bound in its place: in a user namespace no node can be made,
    /// but for a FIFO. Mode and owner are then those of that.
    pub(crate) host: Option<CString>,
}

/// What a device node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceKind {
    Character,
    Block,
    Fifo,
}

/// A symbolic link to make.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Symlink {
    pub(crate) target: Target,
    pub(crate) to: CString,
}

const DEFAULT: [(&str, u64, u64); 6] = [
    ("dev/null", 1, 3),
    ("dev/zero", 1, 5),
    ("dev/full", 1, 7),
    ("dev/random", 1, 8),
    ("dev/urandom", 1, 9),
    ("dev/tty", 5, 0),
];

const SYMLINKS: [(&str, &str); 5] = [
    ("dev/fd", "/proc/self/fd"),
    ("dev/stdin", "/proc/self/fd/0"),
    ("dev/stdout", "/proc/self/fd/1"),
    ("dev/stderr", "/proc/self/fd/2"),
    ("dev/ptmx", "pts/ptmx"),
];

pub(super) fn build(linux: &Linux, user: &User) -> Result<Vec<Device>> {
    let mut devices = Vec::new();
    for (path, major, minor) in DEFAULT {
        let target = Target::new("linux.devices", path)?;
        let kind = DeviceKind::Character;
        let (mode, uid, gid, host) = (0o666, 0, 0, None);
        devices.push(Device { target, kind, major, minor, mode, uid, gid, host });
    }
    for asked in linux.devices().iter().flatten() {
        let device = asked_for(asked)?;
        devices.retain(|other: &Device| other.target != device.target);
        devices.push(device);
    }
    if user.is_own() {
        for device in &mut devices {
            let path = [c"/".to_bytes(), device.target.path.to_bytes()].concat();
            device.host = CString::new(path).ok().filter(|_| device.kind != DeviceKind::Fifo);
        }
    }
    Ok(devices)
}

pub(super) fn symlinks() -> Vec<Symlink> {
    SYMLINKS
        .iter()
        .filter_map(|&(path, to)| {
            Some(Symlink { target: Target::new("", path).ok()?, to: CString::new(to).ok()? })
        })
        .collect()
}

fn asked_for(device: &LinuxDevice) -> Result<Device> {
    let path = device.path().to_string_lossy();
    let field = format!("linux.devices[{path}]");
    let number = |name: &str, value: i64| {
        u64::try_from(value)
            .map_err(|_| Error::invalid(format!("{field}.{name}"), value, "not a device number"))
    };
    let kind = match device.typ() {
        LinuxDeviceType::B => DeviceKind::Block,
        LinuxDeviceType::C | LinuxDeviceType::U => DeviceKind::Character,
        LinuxDeviceType::P => DeviceKind::Fifo,
        LinuxDeviceType::A => {
            return Err(Error::invalid(format!("{field}.type"), "a", "not the type of one device"));
        }
    };
    Ok(Device {
        target: Target::new(&field, &path)?,
        kind,
        major: number("major", device.major())?,
        minor: number("minor", device.minor())?,
        // Its type may be in it, too: podman's is `st_mode`.
        mode: device.file_mode().map_or(0o666, |mode| mode & 0o7777),
        uid: device.uid().unwrap_or(0),
        gid: device.gid().unwrap_or(0),
        host: None,
    })
}
