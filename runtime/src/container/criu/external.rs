//! What a container has that is not its own: CRIU is given names for it on a dump, and the things
//! themselves on a restore.

use super::rpc::{ExternalMount, InheritFd};
use super::service::FIRST_INHERITED;
use crate::error::{Doing, Error, Result};
use crate::plan::{Join, Plan, Source};
use crate::sys::file::{self, OFlag};
use crate::sys::process::CloneFlags;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What stands in the place of a masked file.
const NULL: &str = "/dev/null";

/// What ends a name in CRIU's own notation `mnt[NAME]:VALUE`: a place that has it could name
/// another mount (CVE-2026-119614).
const END_OF_NAME: &str = "]:";

/// A mount whose source is the host's: where it is in the container, and where it is from.
#[derive(Debug)]
pub(super) struct Mount {
    place: String,
    source: PathBuf,
}

/// A namespace of somebody else's that the container has joined.
#[derive(Debug)]
pub(super) struct Namespace {
    /// Its name below `/proc/PID/ns`.
    file: &'static str,
    /// What CRIU calls it.
    name: &'static str,
    path: PathBuf,
}

/// The bind mounts of config.json, and the files that it masks.
pub(super) fn mounts(plan: &Plan, rootfs: &Path) -> Result<Vec<Mount>> {
    let mut mounts = Vec::new();
    for mount in &plan.mounts {
        if let Source::Bind { path, .. } = &mount.source {
            let place = format!("/{}", mount.target.path.to_string_lossy());
            mounts.push(Mount { place, source: path.clone() });
        }
    }
    let root = CString::new(rootfs.as_os_str().as_bytes()).unwrap_or_default();
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
    let root = file::open(&root, flags).doing(|| format!("root.path: {}", rootfs.display()))?;
    for path in &plan.masked_paths {
        if is_file(root.as_fd(), path) {
            let place = format!("/{}", path.to_string_lossy().trim_start_matches('/'));
            mounts.push(Mount { place, source: NULL.into() });
        }
    }
    match mounts.iter().find(|mount| mount.place.contains(END_OF_NAME)) {
        Some(Mount { place, .. }) => {
            let reason = format!("cannot be checkpointed or restored: contains {END_OF_NAME:?}");
            Err(Error::invalid("mounts", place, reason))
        }
        None => Ok(mounts),
    }
}

/// Whether a path of the container is that of a file: in its rootfs, or in the kernel's own file
/// systems, which are as the host's.
fn is_file(root: BorrowedFd<'_>, path: &CStr) -> bool {
    let inside = file::open_in_root(root, path, OFlag::O_PATH);
    let stat = match inside.and_then(|fd| file::fstat(fd.as_fd())) {
        Err(_) if is_of_the_kernel(path) => file::stat(path),
        stat => stat,
    };
    stat.is_ok_and(|stat| !file::is_directory(&stat))
}

fn is_of_the_kernel(path: &CStr) -> bool {
    [&b"/proc/"[..], b"/sys/"].iter().any(|top| path.to_bytes().starts_with(top))
}

impl Mount {
    pub(super) fn of_dump(&self) -> ExternalMount {
        ExternalMount { key: self.place.clone(), val: self.place.clone() }
    }

    pub(super) fn of_restore(&self) -> ExternalMount {
        let val = self.source.to_string_lossy().into_owned();
        ExternalMount { key: self.place.clone(), val }
    }
}

/// The network and the PID namespace, if they are joined. Hostnames and IPC objects of others are
/// copied; all else that is joined could not be left.
pub(super) fn namespaces(plan: &Plan) -> Result<Vec<Namespace>> {
    let copied = CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
    let mut namespaces = Vec::new();
    for Join { kind, path } in &plan.namespaces.join {
        let path = path.clone();
        match *kind {
            CloneFlags::CLONE_NEWNET => {
                namespaces.push(Namespace { file: "net", name: "extRootNetNS", path });
            }
            kind if copied.contains(kind) => {}
            kind => {
                let reason = format!("{kind:?}: one that is joined cannot be checkpointed");
                return Err(Error::invalid("linux.namespaces", path.display(), reason));
            }
        }
    }
    if let Some(path) = plan.namespaces.join_pid.clone() {
        namespaces.push(Namespace { file: "pid", name: "extRootPidNS", path });
    }
    Ok(namespaces)
}

impl Namespace {
    /// How CRIU is told of the one that process `pid` is in.
    pub(super) fn of_dump(&self, pid: i32) -> Result<String> {
        let path = CString::new(format!("/proc/{pid}/ns/{}", self.file)).unwrap_or_default();
        let number = file::stat(&path).doing(|| format!("{path:?}"))?.st_ino;
        Ok(format!("{}[{number}]:{}", self.file, self.name))
    }

    /// The namespace itself.
    pub(super) fn open(&self) -> Result<OwnedFd> {
        let path = CString::new(self.path.as_os_str().as_bytes()).unwrap_or_default();
        file::open(&path, OFlag::O_RDONLY).doing(|| self.path.display().to_string())
    }

    /// How CRIU is told that it inherits it.
    pub(super) fn of_restore(&self, inherited: usize) -> InheritFd {
        InheritFd { key: self.name.to_owned(), fd: number(inherited) }
    }
}

/// The descriptor of CRIU's that is the inherited one of that place.
pub(super) fn number(inherited: usize) -> i32 {
    FIRST_INHERITED + i32::try_from(inherited).unwrap_or(0)
}

/// The kinds of namespaces that must be there before CRIU begins.
pub(super) fn new_for_criu(plan: &Plan) -> CloneFlags {
    plan.namespaces.kinds() & CloneFlags::CLONE_NEWCGROUP
}
