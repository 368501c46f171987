//! The working directory: entered by root or, where root may not (NFS), by the user;
//! and made sure of.

use super::{Init, root};
use crate::plan::Root;
use crate::sys::file;
use crate::sys::{Errno, Error, Result};
use std::os::fd::AsFd;

pub(super) fn enter_as_root(init: &Init<'_>) -> Result<()> {
    let cwd = &init.plan.process.cwd;
    match file::chdir_from_root(&cwd.path) {
        Err(error) if error.errno() == Errno::ENOENT && init.may_make_cwd() => {
            let top = file::open(c"/", file::OFlag::O_PATH)?;
            drop(root::make_directories(top.as_fd(), &cwd.parts)?);
            file::chdir_from_root(&cwd.path)
        }
        // The user may be allowed what root is not.
        Err(error) if matches!(error.errno(), Errno::EACCES | Errno::EPERM) => Ok(()),
        entered => entered,
    }
}

pub(super) fn enter_as_user(init: &Init<'_>) -> Result<()> {
    file::chdir_from_root(&init.plan.process.cwd.path)?;
    // A path through /proc/self/fd to a directory of the host would be a way out (CVE-2024-21626).
    if file::cwd_is_below_root()? {
        return Ok(());
    }
    let path = &init.plan.process.cwd.path;
    Err(Error::new("chdir", format_args!("{path:?} is outside of the root"), Errno::EPERM))
}

impl Init<'_> {
    /// Images name working directories that they do not have. In somebody else's mount namespace
    /// nothing is made.
    fn may_make_cwd(&self) -> bool {
        matches!(self.plan.root, Root::Directory { .. })
    }
}
