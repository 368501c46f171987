//! Mounts: each is made detached, with its attributes, and attached last, so that no moment shows
//! it without them.

use super::{Init, copy, procfs, root};
use crate::plan::{Link, Mount, Parameter, Source};
use crate::sys::file::{self, OFlag};
use crate::sys::mount::{self, Attributes, Depth, Filesystem, MOUNT_ATTR_RDONLY};
use crate::sys::{Errno, Error, Result};
use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

pub(super) fn make(init: &Init<'_>) -> Result<()> {
    init.each(&init.plan.mounts, |number, planned| {
        let bind = init.sources.mounts[number].as_ref();
        if let Source::Remount { parameters } = &planned.source {
            return remount(init, planned, parameters);
        }
        if let Some(link) = bind.and_then(|bind| bind.link.as_ref()) {
            return root::copy_link(init.root(), &planned.target, link);
        }
        let made;
        let (mount, is_directory) = match (&planned.source, bind) {
            (_, Some(bind)) => (bind.mount.as_fd(), bind.is_directory),
            (Source::Proc { parameters }, None) => {
                made = procfs::mount(init, parameters, planned.attributes.set)?;
                (made.as_fd(), true)
            }
            (Source::New { kind, parameters }, None) => {
                made = new(kind, parameters, planned.attributes.set)?;
                (made.as_fd(), true)
            }
            (Source::Tmpfs { parameters, has_mode, copies_up }, None) => {
                made = tmpfs(init, planned, parameters, (*has_mode, *copies_up))?;
                (made.as_fd(), true)
            }
            (
                Source::Bind { .. } | Source::Cgroup | Source::Notify | Source::Remount { .. },
                None,
            ) => {
                return Err(Error::new("open_tree", format_args!("no source"), Errno::EBADF));
            }
        };
        set_attributes(mount, planned, bind.is_some())?;
        let target = open_target(init.root(), planned, is_directory)?;
        mount::move_mount(mount, target.as_fd())
    })
}

pub(super) fn new(kind: &CStr, parameters: &[Parameter], attributes: u64) -> Result<OwnedFd> {
    let filesystem = Filesystem::open(kind)?;
    configure(&filesystem, parameters)?;
    filesystem.mount(attributes)
}

/// A tmpfs has the mode of the directory that it covers, unless it is given one, as runc and crun
/// have it; and its files, if that is asked for.
fn tmpfs(
    init: &Init<'_>,
    planned: &Mount,
    parameters: &[Parameter],
    (has_mode, copies_up): (bool, bool),
) -> Result<OwnedFd> {
    let filesystem = Filesystem::open(c"tmpfs")?;
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
    let covered = match file::open_in_root(init.root(), &planned.target.path, flags) {
        Err(error) if error.errno() == Errno::ENOENT => None,
        opened => Some(opened?),
    };
    if let (Some(covered), false) = (&covered, has_mode) {
        let mode = file::fstat(covered.as_fd())?.st_mode & 0o7777;
        let mut text = [0; 8];
        // Four digits, and a NUL after them.
        let _fits = write!(text.as_mut_slice(), "{mode:04o}");
        filesystem.set(c"mode", CStr::from_bytes_until_nul(&text).ok())?;
    }
    configure(&filesystem, parameters)?;
    let (Some(covered), true) = (&covered, copies_up) else {
        return filesystem.mount(planned.attributes.set);
    };
    let mount = filesystem.mount(planned.attributes.set & !MOUNT_ATTR_RDONLY)?;
    let from = file::open_beneath(covered.as_fd(), c".", OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
    copy::tree(from.as_fd(), mount.as_fd())?;
    if planned.attributes.set & MOUNT_ATTR_RDONLY != 0 {
        let readonly = Attributes { set: MOUNT_ATTR_RDONLY, ..Attributes::default() };
        mount::mount_setattr(mount.as_fd(), Depth::One, &readonly)?;
    }
    Ok(mount)
}

/// Changes what is mounted at the target already: what the options name, and nothing else.
fn remount(init: &Init<'_>, planned: &Mount, parameters: &[Parameter]) -> Result<()> {
    let mount = file::open_in_root(init.root(), &planned.target.path, OFlag::O_PATH)?;
    if !parameters.is_empty() {
        let filesystem = Filesystem::pick(mount.as_fd())?;
        configure(&filesystem, parameters)?;
        filesystem.reconfigure()?;
    }
    set_attributes(mount.as_fd(), planned, true)
}

pub(super) fn configure(filesystem: &Filesystem, parameters: &[Parameter]) -> Result<()> {
    parameters.iter().try_for_each(|Parameter { key, value }| filesystem.set(key, value.as_deref()))
}

/// A new mount was made with its attributes; a bind has those of its source, and changes them here.
pub(super) fn set_attributes(mount: BorrowedFd<'_>, planned: &Mount, is_bind: bool) -> Result<()> {
    let mut own = planned.attributes;
    if !is_bind {
        (own.set, own.clear) = (0, 0);
    }
    if !own.is_empty() {
        mount::mount_setattr(mount, Depth::One, &own)?;
    }
    let below = &planned.recursive;
    if below.is_empty() { Ok(()) } else { mount::mount_setattr(mount, Depth::Recursive, below) }
}

pub(super) fn open_target(
    root: BorrowedFd<'_>,
    planned: &Mount,
    is_directory: bool,
) -> Result<OwnedFd> {
    let path = &planned.target.path;
    if planned.is_kernel_view() {
        // A link in place of /proc or /sys would put them elsewhere, and masked paths with them
        // (CVE-2019-19921, CVE-2023-27561, CVE-2025-54867).
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY;
        return match file::open_in_root(root, path, flags) {
            // Opened again, since others may have made a link there meanwhile.
            Err(error) if error.errno() == Errno::ENOENT => {
                root::open_target(root, &planned.target, is_directory)
                    .and_then(|_| file::open_in_root(root, path, flags))
            }
            opened => opened,
        };
    }
    let target = match planned.target_link {
        Link::Follow | Link::Copy => root::open_target(root, &planned.target, is_directory)?,
        Link::Stay => root::open_target_itself(root, &planned.target, is_directory)?,
    };
    let on_procfs = file::filesystem_magic(target.as_fd())? == procfs::MAGIC;
    if on_procfs && !planned.may_cover_procfs {
        return Err(Error::new("move_mount", format_args!("{path:?} is on procfs"), Errno::EPERM));
    }
    Ok(target)
}
