//! What the container may see but not change, and what it may not see: after every write of the
//! runtime's own.

use super::{Init, root};
use crate::sys::file::{self, OFlag};
use crate::sys::mount::{
    self, Attributes, Depth, Filesystem, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
};
use crate::sys::{Errno, Result};
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The root, if so asked, and `linux.readonlyPaths`.
pub(super) fn readonly(init: &Init<'_>) -> Result<()> {
    root::make_readonly(init)?;
    init.each(&init.plan.readonly_paths, |_, path| {
        let Some(target) = open_if_there(init.root(), path)? else { return Ok(()) };
        let mount = mount::open_tree(target.as_fd(), c"", Depth::Recursive)?;
        let attributes = Attributes { set: MOUNT_ATTR_RDONLY, ..Attributes::default() };
        mount::mount_setattr(mount.as_fd(), Depth::Recursive, &attributes)?;
        mount::move_mount(mount.as_fd(), target.as_fd())
    })
}

/// `linux.maskedPaths`: a file becomes the null device, a directory an empty one.
///
/// One mount of each kind is attached first and then copied, so that a hundred masked directories
/// are one file system.
pub(super) fn masked(init: &Init<'_>) -> Result<()> {
    let mut empty: Option<OwnedFd> = None;
    let mut null_is_attached = false;
    init.each(&init.plan.masked_paths, |_, path| {
        let Some(target) = open_if_there(init.root(), path)? else { return Ok(()) };
        if file::is_directory(&file::fstat(target.as_fd())?) {
            if let Some(empty) = &empty {
                return attach_copy(empty.as_fd(), target.as_fd());
            }
            let attributes =
                MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
            let new = Filesystem::open(c"tmpfs")?.mount(attributes)?;
            mount::move_mount(new.as_fd(), target.as_fd())?;
            empty = Some(new);
            return Ok(());
        }
        let Some(null) = &init.sources.null else { return Ok(()) };
        if null_is_attached {
            return attach_copy(null.as_fd(), target.as_fd());
        }
        null_is_attached = true;
        let attributes = Attributes { set: MOUNT_ATTR_RDONLY, ..Attributes::default() };
        mount::mount_setattr(null.as_fd(), Depth::One, &attributes)?;
        mount::move_mount(null.as_fd(), target.as_fd())
    })
}

fn attach_copy(attached: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<()> {
    let copy = mount::open_tree(attached, c"", Depth::One)?;
    mount::move_mount(copy.as_fd(), target)
}

/// Only a target that is not there may be skipped (CVE-2025-31133).
fn open_if_there(root: BorrowedFd<'_>, path: &CStr) -> Result<Option<OwnedFd>> {
    match file::open_in_root(root, path, OFlag::O_PATH) {
        Err(error) if error.errno() == Errno::ENOENT => Ok(None),
        opened => opened.map(Some),
    }
}
