//! mount(2), with paths and one string of options: for root file systems that others describe so.
//!
//! The newer calls (`mount`) take at most 255 bytes a value, and the layers of an
//! overlay are one value.

use super::error::{Result, explain};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, umount2};
use std::path::Path;

/// A flag of mount(2), by its name in fstab: whether it is set or cleared, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// It is set.
    Set(u64),
    /// It is cleared.
    Clear(u64),
}

/// `MS_BIND`: what is mounted is a part of the tree that is there.
pub const BIND: u64 = MsFlags::MS_BIND.bits();

/// Attributes that a bind mount is given only afterwards, by a remount.
pub const ATTRIBUTES: u64 = MsFlags::MS_RDONLY.bits()
    | MsFlags::MS_NOSUID.bits()
    | MsFlags::MS_NODEV.bits()
    | MsFlags::MS_NOEXEC.bits()
    | MsFlags::MS_NOATIME.bits()
    | MsFlags::MS_NODIRATIME.bits()
    | MsFlags::MS_RELATIME.bits();

/// The flag of that name; `None` if it is an option of the file system.
#[must_use]
pub fn flag(name: &str) -> Option<Flag> {
    let set = |flag: MsFlags| Some(Flag::Set(flag.bits()));
    let clear = |flag: MsFlags| Some(Flag::Clear(flag.bits()));
    match name {
        "defaults" => Some(Flag::Set(0)),
        "bind" => set(MsFlags::MS_BIND),
        "rbind" => set(MsFlags::MS_BIND | MsFlags::MS_REC),
        "ro" => set(MsFlags::MS_RDONLY),
        "rw" => clear(MsFlags::MS_RDONLY),
        "nosuid" => set(MsFlags::MS_NOSUID),
        "suid" => clear(MsFlags::MS_NOSUID),
        "nodev" => set(MsFlags::MS_NODEV),
        "dev" => clear(MsFlags::MS_NODEV),
        "noexec" => set(MsFlags::MS_NOEXEC),
        "exec" => clear(MsFlags::MS_NOEXEC),
        "sync" => set(MsFlags::MS_SYNCHRONOUS),
        "async" => clear(MsFlags::MS_SYNCHRONOUS),
        "dirsync" => set(MsFlags::MS_DIRSYNC),
        "noatime" => set(MsFlags::MS_NOATIME),
        "atime" => clear(MsFlags::MS_NOATIME),
        "nodiratime" => set(MsFlags::MS_NODIRATIME),
        "diratime" => clear(MsFlags::MS_NODIRATIME),
        "relatime" => set(MsFlags::MS_RELATIME),
        "norelatime" => clear(MsFlags::MS_RELATIME),
        "strictatime" => set(MsFlags::MS_STRICTATIME),
        "nostrictatime" => clear(MsFlags::MS_STRICTATIME),
        _ => None,
    }
}

/// Mounts `source` at `target`. A bind mount is given its attributes too.
///
/// # Errors
///
/// Those of mount(2).
pub fn mount(source: &str, target: &Path, kind: &str, flags: u64, data: &str) -> Result<()> {
    let flags = MsFlags::from_bits_retain(flags);
    let call = |source: Option<&str>, flags: MsFlags, data: Option<&str>| {
        let mounted = nix::mount::mount(source, target, Some(kind), flags, data);
        explain(mounted, "mount", format_args!("{:?}, {}, {kind}", source, target.display()))
    };
    let attributes = flags & MsFlags::from_bits_retain(ATTRIBUTES);
    if !flags.contains(MsFlags::MS_BIND) {
        return call(Some(source), flags, (!data.is_empty()).then_some(data));
    }
    call(Some(source), flags - attributes, None)?;
    if attributes.is_empty() {
        return Ok(());
    }
    call(None, MsFlags::MS_BIND | MsFlags::MS_REMOUNT | attributes, None).inspect_err(|_| {
        // What could not be made read-only must not be used as it is.
        let _ = unmount(target);
    })
}

/// Takes away all that is mounted at `target`, at once for everybody, whoever uses it still.
/// That there is nothing is fine.
///
/// # Errors
///
/// `EPERM`.
pub fn unmount(target: &Path) -> Result<()> {
    loop {
        match umount2(target, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
            Ok(()) | Err(Errno::EINTR) => {}
            // Nothing is mounted there, or there is no such place.
            Err(Errno::EINVAL | Errno::ENOENT) => return Ok(()),
            failed => {
                return explain(failed, "umount2", format_args!("{}", target.display()));
            }
        }
    }
}

/// Makes `directory` the working directory: paths in a string of options, which may not be longer
/// than a page, are then shorter.
///
/// # Errors
///
/// `ENOENT`.
pub fn enter(directory: &Path) -> Result<()> {
    let changed = nix::unistd::chdir(directory);
    explain(changed, "chdir", format_args!("{}", directory.display()))
}
