//! The groups below a group: a container may have made them, so there may be any number.

use super::is_gone;
use crate::sys;
use crate::sys::file::{self, OFlag};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A group on the way from the top, and those in it that are still to be visited.
struct Level {
    name: CString,
    left: Vec<CString>,
}

/// Visits every group below `top`, those that are in another one before that one. `visit` is given
/// the group, the group above it and its name there. Groups that vanish meanwhile are passed over.
///
/// However deep the tree is, two descriptors are enough.
pub(super) fn visit(
    top: BorrowedFd<'_>,
    mut visit: impl FnMut(BorrowedFd<'_>, BorrowedFd<'_>, &CStr) -> sys::Result<()>,
) -> sys::Result<()> {
    let Some(mut dir) = open(top, c".")? else { return Ok(()) };
    let mut levels = vec![Level { name: c".".to_owned(), left: children(dir.as_fd())? }];
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.left.pop() {
            if let Some(child) = open(dir.as_fd(), &name)? {
                levels.push(Level { name, left: children(child.as_fd())? });
                dir = child;
            }
            continue;
        }
        let name = std::mem::take(&mut level.name);
        levels.pop();
        if !levels.is_empty() {
            // A group is never moved, so this is where we came from.
            let parent = file::open_parent(dir.as_fd())?;
            visit(dir.as_fd(), parent.as_fd(), &name)?;
            dir = parent;
        }
    }
    Ok(())
}

/// The names of the groups in a group; none if it was removed.
pub(super) fn children(dir: BorrowedFd<'_>) -> sys::Result<Vec<CString>> {
    match file::names(dir) {
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        names => {
            Ok(names?.into_iter().filter(|(_, is_dir)| *is_dir).map(|(name, _)| name).collect())
        }
    }
}

fn open(dir: BorrowedFd<'_>, name: &CStr) -> sys::Result<Option<OwnedFd>> {
    match file::open_beneath(dir, name, OFlag::O_PATH | OFlag::O_DIRECTORY) {
        Err(error) if is_gone(&error) => Ok(None),
        opened => opened.map(Some),
    }
}
