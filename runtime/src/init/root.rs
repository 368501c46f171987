//! The root file system: attached, furnished with devices, entered.

use super::Init;
use super::place::{self, Last};
use crate::plan::{Device, DeviceKind, Root, Switch, Target};
use crate::sys::directory::readlinkat;
use crate::sys::file::{self, OFlag, SFlag};
use crate::sys::mount::{self, Attributes, Depth, MOUNT_ATTR_RDONLY};
use crate::sys::{Errno, Error, Result};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The longest text of a link, with its NUL.
const PATH_MAX: usize = 4096;

/// Attaches the root in this mount namespace, from where `pivot_root` makes it the root. By the ids
/// of the parent still, which may go where root of the container may not.
pub(super) fn attach(init: &Init<'_>) -> Result<()> {
    let place = match &init.plan.root {
        Root::Directory { place, .. } => place.as_c_str(),
        Root::Empty { .. } => c"/",
        Root::Chroot { .. } | Root::Joined => return Ok(()),
    };
    if place == c"/" {
        return cover(init);
    }
    let place = file::open(place, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
    mount::move_mount(init.root(), place.as_fd())
}

/// Attaches the root over what was the root.
fn cover(init: &Init<'_>) -> Result<()> {
    hide(init)?;
    mount::move_mount(init.root(), top()?.as_fd())
}

/// What stays below a root that only covers it must not be a view of the kernel: a process in a
/// user namespace of its own may mount another one as long as there is one that hides nothing.
fn hide(init: &Init<'_>) -> Result<()> {
    for place in &init.sources.hidden {
        match mount::detach(place) {
            // It went with the one that it was on.
            Err(error) if matches!(error.errno(), Errno::EINVAL | Errno::ENOENT) => {}
            detached => detached?,
        }
    }
    Ok(())
}

/// Makes device nodes and the usual links. Every path is resolved inside the root, and a link is
/// never followed for its last part (CVE-2026-41579).
pub(super) fn devices(init: &Init<'_>) -> Result<()> {
    let plan = init.plan;
    let mut parents = Parents { root: init.root(), last: None };
    init.each(&plan.devices, |number, device| {
        let place = parents.of(&device.target)?;
        match &init.sources.devices[number] {
            Some(node) => bind_device(place, node.as_fd()),
            None => make_device(place, device),
        }
    })?;
    init.each(&plan.symlinks, |_, link| {
        let (parent, name) = parents.of(&link.target)?;
        match file::symlinkat(&link.to, parent, name) {
            Err(error) if error.errno() == Errno::EEXIST => Ok(()),
            made => made,
        }
    })
}

/// Where a node is made: a directory, and a name in it.
type Place<'p> = (BorrowedFd<'p>, &'p CStr);

/// The directories that nodes are made in. Most are in that of the one before, which stays open.
struct Parents<'p> {
    root: BorrowedFd<'p>,
    last: Option<(&'p [(CString, CString)], OwnedFd)>,
}

impl<'p> Parents<'p> {
    fn of(&mut self, target: &'p Target) -> Result<Place<'_>> {
        let (name, above) = split(target)?;
        let directory = match self.last.take() {
            Some((path, directory)) if path == above => directory,
            _ => make_directories(self.root, above)?,
        };
        let (_, directory) = &*self.last.insert((above, directory));
        Ok((directory.as_fd(), name))
    }
}

fn make_device((parent, name): Place<'_>, device: &Device) -> Result<()> {
    let kind = match device.kind {
        DeviceKind::Character => SFlag::S_IFCHR,
        DeviceKind::Block => SFlag::S_IFBLK,
        DeviceKind::Fifo => SFlag::S_IFIFO,
    };
    let number = file::device_number(device.major, device.minor);
    match file::mknodat(parent, name, kind, device.mode, number) {
        Err(error) if error.errno() == Errno::EEXIST => {
            let there = file::fstatat(parent, name)?;
            if file::kind_of(&there) != kind || there.st_rdev != number {
                return Err(error);
            }
        }
        made => made?,
    }
    if (device.uid, device.gid) != (0, 0) {
        file::fchownat(parent, name, device.uid, device.gid)?;
    }
    Ok(())
}

/// Attaches the host's node on a file of that name.
fn bind_device((parent, name): Place<'_>, node: BorrowedFd<'_>) -> Result<()> {
    match file::mknodat(parent, name, SFlag::S_IFREG, 0o666, 0) {
        Err(error) if error.errno() == Errno::EEXIST => {}
        made => made?,
    }
    // A link is a place of its own here, which nothing can be attached to.
    let place = file::open_beneath(parent, name, OFlag::O_PATH | OFlag::O_NOFOLLOW)?;
    mount::move_mount(node, place.as_fd())
}

/// The name of `target`, and the directories above it.
fn split(target: &Target) -> Result<(&CStr, &[(CString, CString)])> {
    let is_root = || Error::new("openat2", format_args!("the root itself"), Errno::EEXIST);
    let ((_, name), above) = target.parts.split_last().ok_or_else(is_root)?;
    Ok((name, above))
}

/// Makes every directory of a path that is missing; answers with the last.
pub(super) fn make_directories(
    root: BorrowedFd<'_>,
    parts: &[(CString, CString)],
) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
    // From the end, since most are there: all of them, or all but the last.
    let mut there = parts.len();
    let mut parent = loop {
        let path = parts[..there].last().map_or(c".", |(path, _)| path);
        match file::open_in_root(root, path, flags) {
            Err(error) if error.errno() == Errno::ENOENT && there > 0 => there -= 1,
            opened => break opened?,
        }
    };
    for (path, name) in &parts[there..] {
        parent = match file::mkdirat(parent.as_fd(), name, 0o755) {
            // A link that leads nowhere.
            Err(error) if error.errno() == Errno::EEXIST => {
                place::make(root, path, Last::Directory)?
            }
            made => made.and_then(|()| file::open_in_root(root, path, flags))?,
        };
    }
    Ok(parent)
}

/// Opens the place of a mount; makes it, as a directory or an empty file, where it is missing.
pub(super) fn open_target(
    root: BorrowedFd<'_>,
    target: &Target,
    is_directory: bool,
) -> Result<OwnedFd> {
    match file::open_in_root(root, &target.path, OFlag::O_PATH) {
        Err(error) if error.errno() == Errno::ENOENT => {}
        opened => return opened,
    }
    if is_directory {
        return make_directories(root, &target.parts);
    }
    let (name, above) = split(target)?;
    let parent = make_directories(root, above)?;
    match file::mknodat(parent.as_fd(), name, SFlag::S_IFREG, 0o644, 0) {
        Err(error) if error.errno() == Errno::EEXIST => place::make(root, &target.path, Last::File),
        made => made.and_then(|()| file::open_in_root(root, &target.path, OFlag::O_PATH)),
    }
}

/// The same, but a link at the place is the place itself.
pub(super) fn open_target_itself(
    root: BorrowedFd<'_>,
    target: &Target,
    is_directory: bool,
) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW;
    match file::open_in_root(root, &target.path, flags) {
        Err(error) if error.errno() == Errno::ENOENT => open_target(root, target, is_directory),
        opened => opened,
    }
}

/// Makes a link that leads to `to`; one that does so already is as good.
pub(super) fn copy_link(root: BorrowedFd<'_>, target: &Target, to: &CStr) -> Result<()> {
    let (name, above) = split(target)?;
    let parent = make_directories(root, above)?;
    match file::symlinkat(to, parent.as_fd(), name) {
        Err(error) if error.errno() == Errno::EEXIST => {
            let mut text = [0; PATH_MAX];
            let there = readlinkat(parent.as_fd(), name, &mut text);
            if there.is_ok_and(|there| there == to) { Ok(()) } else { Err(error) }
        }
        made => made,
    }
}

/// Makes the root file system the root. What was the root is unreachable afterwards.
pub(super) fn enter(init: &Init<'_>) -> Result<()> {
    match &init.plan.root {
        Root::Directory { place, switch, .. } => {
            file::fchdir(init.root())?;
            match switch {
                Switch::Pivot => mount::pivot_to_cwd(),
                Switch::Cover => {
                    if place.as_c_str() != c"/" {
                        cover(init)?;
                    }
                    enter_cwd()
                }
            }
        }
        Root::Empty { .. } => {
            file::fchdir(init.root())?;
            mount::pivot_to_cwd()
        }
        Root::Chroot { .. } => {
            file::fchdir(init.root())?;
            enter_cwd()
        }
        Root::Joined => file::chdir(c"/"),
    }
}

fn enter_cwd() -> Result<()> {
    file::chroot(c".")?;
    file::chdir(c"/")
}

/// Lets mounts propagate as was asked for: after the last mount of ours, which one that is
/// unbindable would not take, and never before the root is entered, since a shared one would have
/// taken the host's mounts with it.
pub(super) fn propagate(init: &Init<'_>) -> Result<()> {
    match &init.plan.root {
        Root::Directory { propagation: Some((wanted, depth)), .. } => {
            mount::mount_setattr(init.root(), *depth, wanted)
        }
        Root::Directory { .. } | Root::Empty { .. } | Root::Chroot { .. } | Root::Joined => Ok(()),
    }
}

/// The root of this process.
pub(super) fn top() -> Result<OwnedFd> {
    file::open(c"/", OFlag::O_PATH | OFlag::O_DIRECTORY)
}

/// Makes the root file system read-only, after the last write into it.
pub(super) fn make_readonly(init: &Init<'_>) -> Result<()> {
    let readonly = match init.plan.root {
        Root::Directory { readonly, .. } => readonly,
        Root::Empty { .. } => true,
        Root::Chroot { .. } | Root::Joined => false,
    };
    if readonly {
        let attributes = Attributes { set: MOUNT_ATTR_RDONLY, ..Attributes::default() };
        mount::mount_setattr(init.root(), Depth::One, &attributes)?;
    }
    Ok(())
}
