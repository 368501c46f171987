//! Mounts that a running container is given, and that are taken away again: made by the runtime on
//! the host, attached from inside the container's mount namespace.

use super::mounts::{configure, new, open_target, set_attributes};
use super::sources::BindSource;
use crate::error::{Doing, Error, Result};
use crate::plan::{Mount, Source, Target};
use crate::sys::file::{self, OFlag};
use crate::sys::mount::{self, Filesystem};
use crate::sys::{self, Errno};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A mount that is nowhere yet.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    planned: &'a Mount,
    mount: OwnedFd,
    is_directory: bool,
}

/// Makes a mount, with its attributes.
pub(crate) fn prepare(planned: &Mount) -> Result<Prepared<'_>> {
    let doing = || format!("mounts[{}]", planned.target.path.to_string_lossy());
    let own = planned.attributes.set;
    let (mount, is_directory) = match &planned.source {
        Source::Bind { path, depth, link } => {
            let source = BindSource::of_link(path, *depth, *link)?;
            (source.mount, source.is_directory)
        }
        Source::New { kind, parameters } => (new(kind, parameters, own).doing(doing)?, true),
        Source::Tmpfs { parameters, .. } => (tmpfs(parameters, own).doing(doing)?, true),
        Source::Proc { .. } | Source::Remount { .. } | Source::Cgroup | Source::Notify => {
            return Err(Error::unsupported(doing(), "not a mount that can be added"));
        }
    };
    let is_bind = matches!(planned.source, Source::Bind { .. });
    set_attributes(mount.as_fd(), planned, is_bind).doing(doing)?;
    Ok(Prepared { planned, mount, is_directory })
}

fn tmpfs(parameters: &[crate::plan::Parameter], attributes: u64) -> sys::Result<OwnedFd> {
    let filesystem = Filesystem::open(c"tmpfs")?;
    configure(&filesystem, parameters)?;
    filesystem.mount(attributes)
}

/// Attaches mounts below `root`, from inside the mount namespace of that; all, or none.
pub(crate) fn attach(
    root: BorrowedFd<'_>,
    prepared: &[Prepared<'_>],
    descriptors: BorrowedFd<'_>,
) -> sys::Result<()> {
    for (at, new) in prepared.iter().enumerate() {
        let attached = open_target(root, new.planned, new.is_directory)
            .and_then(|target| mount::move_mount(new.mount.as_fd(), target.as_fd()));
        if let Err(error) = attached {
            for done in prepared[..at].iter().rev() {
                // What cannot be taken away again is seen in the container.
                let _undone = detach_opened(descriptors, done.mount.as_fd());
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Takes the mount at `target` below `root` away, from inside the mount namespace of that.
pub(crate) fn detach(
    root: BorrowedFd<'_>,
    target: &Target,
    descriptors: BorrowedFd<'_>,
) -> sys::Result<()> {
    let mount = file::open_in_root(root, &target.path, OFlag::O_PATH)?;
    detach_opened(descriptors, mount.as_fd())
}

/// `umount2` knows paths only, and the container's `/proc` may be anything: so by the host's
/// `/proc/self/fd`, which is open as `descriptors`.
fn detach_opened(descriptors: BorrowedFd<'_>, mount: BorrowedFd<'_>) -> sys::Result<()> {
    let number = mount.as_raw_fd();
    let name = CString::new(number.to_string())
        .map_err(|_| sys::Error::new("umount2", format_args!("{number}"), Errno::EINVAL))?;
    file::fchdir(descriptors)?;
    mount::detach(&name)
}
