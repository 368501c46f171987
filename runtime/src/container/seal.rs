//! Seals the executable: a container must never reach a copy of the runtime that it could write to.
//!
//! Between clone and exec the container's first process is the runtime, and `/proc/self/exe` in it,
//! or a script that names that as its interpreter, leads to the runtime's file (CVE-2019-5736). So
//! whoever is about to clone first executes itself again from a copy that nobody can write to: the
//! same file through an overlay that has no upper layer, which costs no memory and has been done
//! before `main` ([`entry`]); or, where that could not be, a sealed copy in memory.

use crate::error::{Doing, Result};
use crate::sys::entry::{self, TOKEN};
use crate::sys::file::{self, OFlag};
use crate::sys::process::{self, Strings};
use crate::sys::{self, Errno, identity};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

const SELF: &CStr = c"/proc/self/exe";
const NAME: &CStr = c"peapod";

/// `OVERLAYFS_SUPER_MAGIC` of include/uapi/linux/magic.h.
const OVERLAYFS_MAGIC: i64 = 0x794c_7630;

/// A runtime of this size would be a mistake, with all its symbols too.
const LIMIT: usize = 256 << 20;

/// Whether a program with this argument must be sealed: it is a verb that clones a process.
#[must_use]
pub fn needs_sealing(argument: &OsStr) -> bool {
    entry::SEALED_VERBS.iter().any(|verb| argument == *verb)
}

/// Makes sure that this program runs from a file that nobody can write to: returns if it does
/// already, and else executes a copy of it.
///
/// # Errors
///
/// [`Error::Kernel`](crate::error::Error::Kernel) if no copy can be made or executed.
pub fn ensure_sealed() -> Result<()> {
    let doing = || "sealing the executable".to_owned();
    let exe = file::open(SELF, OFlag::O_RDONLY).doing(doing)?;
    if is_sealed(exe.as_fd()).doing(doing)? {
        // What `ps` shows: the kernel has named the process after a descriptor.
        return identity::set_name(NAME).doing(doing);
    }
    let bytes = file::read_to_end(exe, LIMIT).doing(doing)?;
    let sealed = file::sealed_memfd(NAME, &bytes, 0o555).doing(doing)?;
    Err(execute(sealed.as_fd())).doing(doing)
}

fn is_sealed(exe: BorrowedFd<'_>) -> sys::Result<bool> {
    if file::is_write_sealed(exe) {
        return Ok(true);
    }
    // The file system alone does not tell: the host's root may be an overlay, with an upper layer.
    let is_announced = std::env::var_os(TOKEN) == Some(token(exe)?);
    Ok(is_announced && file::filesystem_magic(exe)? == OVERLAYFS_MAGIC)
}

fn token(exe: BorrowedFd<'_>) -> sys::Result<OsString> {
    let stat = file::fstat(exe)?;
    Ok(format!("{}:{}", stat.st_dev, stat.st_ino).into())
}

fn execute(exe: BorrowedFd<'_>) -> sys::Error {
    let argv: sys::Result<Vec<_>> = std::env::args_os().map(|arg| c_string(&arg)).collect();
    let envp: sys::Result<Vec<_>> = std::env::vars_os()
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
