//! The mount API of Linux 5.2 and later: file systems and mounts as descriptors, attached last.

use super::error::{Result, check, explain};
use super::file::owned;
use nix::errno::Errno;
use std::ffi::CStr;
use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

// include/uapi/linux/mount.h, under its own names.
pub(crate) const MOUNT_ATTR_RDONLY: u64 = 0x1;
pub(crate) const MOUNT_ATTR_NOSUID: u64 = 0x2;
pub(crate) const MOUNT_ATTR_NODEV: u64 = 0x4;
pub(crate) const MOUNT_ATTR_NOEXEC: u64 = 0x8;
pub(crate) const MOUNT_ATTR_ATIME: u64 = 0x70;
pub(crate) const MOUNT_ATTR_NOATIME: u64 = 0x10;
pub(crate) const MOUNT_ATTR_STRICTATIME: u64 = 0x20;
pub(crate) const MOUNT_ATTR_NODIRATIME: u64 = 0x80;
pub(crate) const MOUNT_ATTR_IDMAP: u64 = 0x0010_0000;
pub(crate) const MOUNT_ATTR_NOSYMFOLLOW: u64 = 0x0020_0000;

pub(crate) const MS_UNBINDABLE: u64 = 1 << 17;
pub(crate) const MS_PRIVATE: u64 = 1 << 18;
pub(crate) const MS_SLAVE: u64 = 1 << 19;
pub(crate) const MS_SHARED: u64 = 1 << 20;

const FSMOUNT_CLOEXEC: libc::c_uint = 1;
const FSCONFIG_SET_FLAG: libc::c_uint = 0;
const FSCONFIG_SET_STRING: libc::c_uint = 1;
const FSCONFIG_SET_FD: libc::c_uint = 5;
const FSCONFIG_CMD_CREATE: libc::c_uint = 6;
const FSOPEN_CLOEXEC: libc::c_uint = 1;
const OPEN_TREE_CLONE: libc::c_uint = 1;
const AT_RECURSIVE: libc::c_uint = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH: libc::c_uint = 0x40;

/// Whether a call concerns one mount or every mount below it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    One,
    Recursive,
}

impl Depth {
    fn flag(self) -> libc::c_uint {
        match self {
            Self::One => 0,
            Self::Recursive => AT_RECURSIVE,
        }
    }
}

/// A change of mount attributes: bits of `MOUNT_ATTR_*`, and a propagation (`MS_PRIVATE` …) or
/// 0 to leave it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Attributes {
    pub(crate) set: u64,
    pub(crate) clear: u64,
    pub(crate) propagation: u64,
    pub(crate) userns: u64,
}

impl Attributes {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { set, clear, propagation, .. } = self;
        write!(f, "set {set:#x}, clear {clear:#x}, propagation {propagation:#x}")
    }
}

/// A file system that is being configured.
#[derive(Debug)]
pub(crate) struct Filesystem(OwnedFd);

impl Filesystem {
    pub(crate) fn open(kind: &CStr) -> Result<Self> {
        // SAFETY: `kind` is a C string that outlives the call.
        let returned = unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) };
        check(returned, "fsopen", format_args!("{kind:?}")).map(|fd| Self(owned(fd)))
    }

    /// The file system of the mount `mount`, to be configured anew.
    pub(crate) fn pick(mount: BorrowedFd<'_>) -> Result<Self> {
        const FSPICK_CLOEXEC: libc::c_uint = 1;
        const FSPICK_EMPTY_PATH: libc::c_uint = 8;
        let (fd, flags) = (mount.as_raw_fd(), FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
        // SAFETY: the path is an empty C string, and `mount` is open for the whole call.
        let returned = unsafe { libc::syscall(libc::SYS_fspick, fd, c"".as_ptr(), flags) };
        check(returned, "fspick", format_args!("{fd}")).map(|fd| Self(owned(fd)))
    }

    /// Lets what was set be so.
    pub(crate) fn reconfigure(self) -> Result<()> {
        const FSCONFIG_CMD_RECONFIGURE: libc::c_uint = 7;
        let (fd, command) = (self.0.as_raw_fd(), FSCONFIG_CMD_RECONFIGURE);
        let none = std::ptr::null::<libc::c_char>();
        // SAFETY: this command takes neither key nor value.
        let returned = unsafe { libc::syscall(libc::SYS_fsconfig, fd, command, none, none, 0) };
        check(returned, "fsconfig", format_args!("FSCONFIG_CMD_RECONFIGURE")).map(drop)
    }

    /// Sets `key`, or `key=value`.
    pub(crate) fn set(&self, key: &CStr, value: Option<&CStr>) -> Result<()> {
        let (command, text) = match value {
            Some(value) => (FSCONFIG_SET_STRING, value.as_ptr()),
            None => (FSCONFIG_SET_FLAG, std::ptr::null()),
        };
        let fd = self.0.as_raw_fd();
        // SAFETY: `key` and `text` are C strings, or null where the command takes none, and
        // outlive the call.
        let returned =
            unsafe { libc::syscall(libc::SYS_fsconfig, fd, command, key.as_ptr(), text, 0) };
        let value = value.unwrap_or_default();
        check(returned, "fsconfig", format_args!("{key:?}, {value:?}")).map(drop)
    }

    /// Sets `key` to an open descriptor.
    pub(crate) fn set_fd(&self, key: &CStr, value: BorrowedFd<'_>) -> Result<()> {
        let (fd, aux) = (self.0.as_raw_fd(), value.as_raw_fd());
        let no_value = std::ptr::null::<libc::c_char>();
        // SAFETY: `key` is a C string that outlives the call; both descriptors are open; this
        // command takes no value.
        let returned = unsafe {
            libc::syscall(libc::SYS_fsconfig, fd, FSCONFIG_SET_FD, key.as_ptr(), no_value, aux)
        };
        check(returned, "fsconfig", format_args!("{key:?}, fd {aux}")).map(drop)
    }

    /// Makes the file system, and a detached mount of it.
    pub(crate) fn mount(self, attributes: u64) -> Result<OwnedFd> {
        let fd = self.0.as_raw_fd();
        let none = std::ptr::null::<libc::c_char>();
        // SAFETY: this command takes neither key nor value.
        let returned =
            unsafe { libc::syscall(libc::SYS_fsconfig, fd, FSCONFIG_CMD_CREATE, none, none, 0) };
        check(returned, "fsconfig", format_args!("FSCONFIG_CMD_CREATE"))?;
        // SAFETY: only a descriptor and numbers are passed.
        let returned = unsafe { libc::syscall(libc::SYS_fsmount, fd, FSMOUNT_CLOEXEC, attributes) };
        check(returned, "fsmount", format_args!("{attributes:#x}")).map(owned)
    }
}

/// A detached copy of the mount at `path`: what `mount --bind` would attach. With an empty path,
/// of `dir` itself.
pub(crate) fn open_tree(dir: BorrowedFd<'_>, path: &CStr, depth: Depth) -> Result<OwnedFd> {
    let number = dir.as_raw_fd();
    let flags = OPEN_TREE_CLONE
        | libc::O_CLOEXEC.cast_unsigned()
        | libc::AT_EMPTY_PATH.cast_unsigned()
        | depth.flag();
    // SAFETY: `path` is a C string that outlives the call, `dir` is open.
    let returned = unsafe { libc::syscall(libc::SYS_open_tree, number, path.as_ptr(), flags) };
    check(returned, "open_tree", format_args!("{number}, {path:?}, OPEN_TREE_CLONE")).map(owned)
}

/// The same for a path whose last part may be a link, which is then meant itself.
pub(crate) fn open_tree_of_link(path: &CStr, depth: Depth) -> Result<OwnedFd> {
    let flags = OPEN_TREE_CLONE
        | libc::O_CLOEXEC.cast_unsigned()
        | libc::AT_SYMLINK_NOFOLLOW.cast_unsigned()
        | depth.flag();
    // SAFETY: `path` is a C string that outlives the call.
    let returned =
        unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) };
    check(returned, "open_tree", format_args!("{path:?}, AT_SYMLINK_NOFOLLOW")).map(owned)
}

/// Attaches the detached mount `mount` on the file or directory `target`.
pub(crate) fn move_mount(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<()> {
    let (from, to) = (mount.as_raw_fd(), target.as_raw_fd());
    let flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    // SAFETY: both paths are empty C strings with static lifetime, both descriptors are open.
    let returned =
        unsafe { libc::syscall(libc::SYS_move_mount, from, c"".as_ptr(), to, c"".as_ptr(), flags) };
    check(returned, "move_mount", format_args!("{from}, {to}")).map(drop)
}

pub(crate) fn mount_setattr(
    mount: BorrowedFd<'_>,
    depth: Depth,
    attributes: &Attributes,
) -> Result<()> {
    let fd = mount.as_raw_fd();
    let flags = libc::AT_EMPTY_PATH.cast_unsigned() | depth.flag();
    let size = size_of::<Attributes>();
    // SAFETY: the path is an empty C string; the kernel reads `size` bytes of `attributes`, which
    // has its C layout.
    let returned = unsafe {
        libc::syscall(libc::SYS_mount_setattr, fd, c"".as_ptr(), flags, attributes, size)
    };
    check(returned, "mount_setattr", format_args!("{fd}, {attributes:?}")).map(drop)
}

/// Makes the working directory, a mount point, the root, and what was the root unreachable.
///
/// `pivot_root(".", ".")` stacks the old root on the new one, where it is then detached: no
/// directory is needed for it.
pub(crate) fn pivot_to_cwd() -> Result<()> {
    explain(nix::unistd::pivot_root(c".", c"."), "pivot_root", format_args!("\".\", \".\""))?;
    detach(c".")?;
    super::file::chdir(c"/")
}

/// Takes away the mount at `path`, with all that is mounted below it.
pub(crate) fn detach(path: &CStr) -> Result<()> {
    let flags = nix::mount::MntFlags::MNT_DETACH;
    explain(nix::mount::umount2(path, flags), "umount2", format_args!("{path:?}, MNT_DETACH"))
}

/// Whether this kernel's procfs takes the PID namespace to show as an option.
pub(crate) fn procfs_takes_pidns(pidns: BorrowedFd<'_>) -> Result<bool> {
    match Filesystem::open(c"proc")?.set_fd(c"pidns", pidns) {
        Ok(()) => Ok(true),
        Err(error) if error.errno() == Errno::EINVAL => Ok(false),
        Err(error) => Err(error),
    }
}
