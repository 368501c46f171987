//! The start gate from outside: a socket in the container's directory that init listens on.

use super::root::Entry;
use crate::error::{Doing, Result};
use crate::sys::socket;
use std::ffi::CStr;
use std::os::fd::OwnedFd;

const NAME: &CStr = c"start";

/// Makes the gate. It is passed to init, which listens on it as long as it has not
/// executed its program.
pub(super) fn open(entry: &Entry) -> Result<OwnedFd> {
    socket::listen(&entry.short_path("start")).doing(|| "the start gate".to_owned())
}

/// A connection to init, or `None` if it does not wait any more.
pub(super) fn connect(entry: &Entry) -> Result<Option<OwnedFd>> {
    socket::connect(&entry.short_path("start")).doing(|| "the start gate".to_owned())
}

/// Takes away the way to the gate: nobody will pass it again.
pub(super) fn remove(entry: &Entry) -> Result<()> {
    entry.unlink(NAME)
}
