//! Session keyrings: a container that has one of its own neither sees nor uses the keys of its
//! creator.

use super::error::{Error, Result, check};
use nix::errno::Errno;
use std::ffi::CStr;

const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
const KEYCTL_SETPERM: libc::c_int = 5;

/// include/linux/key.h: all for who has it; for its owner to view, read, link, and to search,
/// which is what finding it by name takes. The last is the only one that the kernel does not give
/// by itself.
const PERMISSIONS: u32 = 0x3f1b_0000;

/// Joins the session keyring `name`, and makes it if there is none. A kernel without keys has none
/// to hide.
pub(crate) fn join_session(name: &CStr) -> Result<()> {
    // SAFETY: `name` is a C string that outlives the call.
    let returned =
        unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.as_ptr()) };
    let joined = check(returned, "keyctl", format_args!("KEYCTL_JOIN_SESSION_KEYRING, {name:?}"));
    let ring = match joined {
        Err(error) if error.errno() == Errno::ENOSYS => return Ok(()),
        joined => joined?,
    };
    // SAFETY: only numbers are passed.
    let returned = unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_SETPERM, ring, PERMISSIONS) };
    match check(returned, "keyctl", format_args!("KEYCTL_SETPERM, {ring}, {PERMISSIONS:#x}")) {
        // One that was joined belongs to whoever made it.
        Err(error) if may_not(&error) => Ok(()),
        set => set.map(drop),
    }
}

fn may_not(error: &Error) -> bool {
    error.errno() == Errno::EACCES
}
