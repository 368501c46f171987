//! Seals the executable: a container must never reach a copy of the runtime that it could write to.
//!
//! Between clone and exec the container's first process is the runtime, and `/proc/self/exe` in it,
//! or a script that names that as its interpreter, leads to the runtime's file (CVE-2019-5736). So
//! whoever is about to create a container first executes itself again from a copy that nobody can
//! write to: the same file through an overlay that has no upper layer, which costs no memory, or
//! where that cannot be had a sealed copy in memory.

use crate::error::{Doing, Result};
use crate::sys::file::{self, OFlag};
use crate::sys::mount::{Filesystem, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY};
use crate::sys::process::{self, Strings};
use crate::sys::{self, Errno, identity};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

const SELF: &CStr = c"/proc/self/exe";
const NAME: &CStr = c"peapod";

/// Tells the sealed copy which file it is.
const SEALED: &str = "_PEAPOD_SEALED";

/// `OVERLAYFS_SUPER_MAGIC` of include/uapi/linux/magic.h.
const OVERLAYFS_MAGIC: i64 = 0x794c_7630;

/// Any directory that the program is not in: layers must not overlap.
const OTHER_LAYER: &CStr = c"/run";

/// A runtime of this size would be a mistake.
const LIMIT: usize = 64 << 20;

/// Makes sure that this program runs from a file that nobody can write to: returns if it does
/// already, and else executes it again. To be called before anything that costs time.
///
/// # Errors
///
/// [`Error::Kernel`](crate::error::Error::Kernel) if neither an overlay nor a copy in memory
/// can be executed.
pub fn ensure_sealed() -> Result<()> {
    let doing = || "sealing the executable".to_owned();
    let exe = file::open(SELF, OFlag::O_RDONLY).doing(doing)?;
    let is_sealed = is_sealed(exe.as_fd()).doing(doing)?;
    if is_sealed {
        // What `ps` shows: the kernel has named the process after a descriptor.
        return identity::set_name(NAME).doing(doing);
    }
    let sealed = overlay().or_else(|_| in_memory(exe)).doing(doing)?;
    let token = token(sealed.as_fd()).doing(doing)?;
    Err(execute(sealed.as_fd(), token)).doing(doing)
}

fn is_sealed(exe: BorrowedFd<'_>) -> sys::Result<bool> {
    if file::is_write_sealed(exe) {
        return Ok(true);
    }
    // The file system alone does not tell: the host's root may be an overlay, with an upper layer.
    let is_announced = std::env::var_os(SEALED) == Some(token(exe)?);
    Ok(is_announced && file::filesystem_magic(exe)? == OVERLAYFS_MAGIC)
}

fn token(exe: BorrowedFd<'_>) -> sys::Result<OsString> {
    let stat = file::fstat(exe)?;
    Ok(format!("{}:{}", stat.st_dev, stat.st_ino).into())
}

/// This program's file, through an overlay without an upper layer: nothing that is done to the
/// mount, and nothing that is done with the descriptor, leads to a file that can be written to.
fn overlay() -> sys::Result<OwnedFd> {
    let path = std::fs::read_link("/proc/self/exe")
        .map_err(|error| sys::error::from_io(&error, "readlink", format_args!("/proc/self/exe")))?;
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(sys::Error::new("readlink", format_args!("{}", path.display()), Errno::ENOENT));
    };
    let dir = file::open(&c_string(dir.as_os_str())?, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
    // Two lower layers, since one alone is refused; by descriptors, whose names are short and
    // have no colon.
    let other = file::open(OTHER_LAYER, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
    let lower = [dir.as_raw_fd(), other.as_raw_fd()].map(|fd| format!("/proc/self/fd/{fd}"));
    let overlay = Filesystem::open(c"overlay")?;
    overlay.set(c"lowerdir", Some(&c_string(OsStr::new(&lower.join(":")))?))?;
    // Else each mount leaves a line in the kernel's log.
    overlay.set(c"xino", Some(c"off"))?;
    let mount = overlay.mount(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID)?;
    // Only the file stays open: a descriptor of the mount could be used to make it writable.
    file::open_beneath(mount.as_fd(), &c_string(name)?, OFlag::O_RDONLY)
}

fn in_memory(exe: OwnedFd) -> sys::Result<OwnedFd> {
    file::sealed_memfd(NAME, &file::read_to_end(exe, LIMIT)?, 0o555)
}

fn execute(exe: BorrowedFd<'_>, token: OsString) -> sys::Error {
    let argv: sys::Result<Vec<_>> = std::env::args_os().map(|arg| c_string(&arg)).collect();
    let variables = std::env::vars_os().filter(|(name, _)| name != SEALED);
    let envp: sys::Result<Vec<_>> = variables
        .chain([(SEALED.into(), token)])
        .map(|(name, value)| c_string(&[name, value].join(OsStr::new("="))))
        .collect();
    match (argv, envp) {
        (Ok(argv), Ok(envp)) => process::execveat(exe, &Strings::new(argv), &Strings::new(envp)),
        (Err(error), _) | (_, Err(error)) => error,
    }
}

fn c_string(text: &OsStr) -> sys::Result<CString> {
    CString::new(text.as_bytes())
        .map_err(|_| sys::Error::new("execveat", format_args!("{text:?}"), Errno::EINVAL))
}
