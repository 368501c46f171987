//! Checkpoint and restore, which CRIU does (criu.org): it is executed for each, and told over a
//! socket what to do.
//!
//! A container is restored by a CRIU that is born in the container's new cgroup, with a mount
//! namespace of its own in which the rootfs is a mount. So nothing of the host's is mounted, the
//! restored processes are in their cgroup and see it as the root, and CRIU touches no cgroup at
//! all, unless it is asked to.

mod checkpoint;
mod external;
mod restore;
mod rpc;
mod service;

pub use checkpoint::{Checkpoint, checkpoint, dump};
pub use restore::{Restore, restore, restore_supervised};

use crate::error::{Doing, Error, Result};
use crate::sys::file::{self, OFlag};
use crate::sys::process::CloneFlags;
use rpc::Opts;
use std::ffi::{CStr, CString};
use std::fs::DirBuilder;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The links of a container's stdio, beside CRIU's files: where its processes had pipes, the
/// restored ones have this process's stdio. In runc's form.
const DESCRIPTORS: &CStr = c"descriptors.json";

/// Everything that CRIU says of what it does.
const LOG_LEVEL: i32 = 4;

/// The annotation that names a file with options for CRIU.
const CONFIG: &str = "org.criu.config";

/// What both are asked for.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "CRIU's options, each by its own name")]
pub struct Options<'a> {
    /// The directory of CRIU's files.
    pub image_path: PathBuf,
    /// Where it writes its log; with its files if there is none.
    pub work_path: Option<PathBuf>,
    /// Whether open TCP connections may be.
    pub tcp_established: bool,
    /// Whether Unix sockets with a peer outside may be.
    pub ext_unix_sk: bool,
    /// Whether the container may be in somebody else's session.
    pub shell_job: bool,
    /// Whether file locks may be held.
    pub file_locks: bool,
    /// Whether files that were deleted while open get a name again.
    pub link_remap: bool,
    /// Whether memory that an earlier dump has is taken out of it.
    pub auto_dedup: bool,
    /// What CRIU does about cgroups.
    pub cgroups: CgroupsMode,
    /// The kinds of namespaces that are not dumped, and new on a restore: `network`.
    pub empty_ns: &'a [String],
}

/// What CRIU does about cgroups (criu(8), `--manage-cgroups`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CgroupsMode {
    /// Nothing: they are made as for a new container.
    #[default]
    Ignore,
    /// It writes down their properties, and restores those of groups that it makes.
    Soft,
    /// Those of all groups.
    Full,
    /// Those of all groups, which must not be there before.
    Strict,
}

impl CgroupsMode {
    /// `criu_cg_mode`.
    fn number(self) -> i32 {
        match self {
            Self::Ignore => 0,
            Self::Soft => 3,
            Self::Full => 4,
            Self::Strict => 5,
        }
    }
}

/// The directories that CRIU works in, open.
#[derive(Debug)]
struct Directories {
    images: OwnedFd,
    work: Option<OwnedFd>,
    /// Where its log is.
    log: PathBuf,
}

impl Options<'_> {
    fn open(&self, log: &str) -> Result<Directories> {
        let images = directory("--image-path", &self.image_path)?;
        let work = self.work_path.as_deref().map(|path| directory("--work-path", path));
        let at = self.work_path.as_ref().unwrap_or(&self.image_path);
        Ok(Directories { images, work: work.transpose()?, log: at.join(log) })
    }

    /// Those of CRIU's options that both need.
    fn opts(&self, directories: &Directories, config: Option<&String>) -> Result<Opts> {
        Ok(Opts {
            images_dir_fd: directories.images.as_raw_fd(),
            work_dir_fd: directories.work.as_ref().map(AsRawFd::as_raw_fd),
            log_level: Some(LOG_LEVEL),
            log_file: directories.log.file_name().map(|name| name.to_string_lossy().into_owned()),
            tcp_established: Some(self.tcp_established),
            ext_unix_sk: Some(self.ext_unix_sk),
            shell_job: Some(self.shell_job),
            file_locks: Some(self.file_locks),
            link_remap: Some(self.link_remap),
            auto_dedup: Some(self.auto_dedup),
            manage_cgroups_mode: Some(self.cgroups.number()),
            empty_ns: self.empty_namespaces()?,
            config_file: config.cloned(),
            ..Opts::default()
        })
    }

    fn empty_namespaces(&self) -> Result<Option<u32>> {
        match self.empty_ns.iter().find(|kind| *kind != "network") {
            Some(other) => Err(Error::invalid("--empty-ns", other, "only network can be")),
            None if self.empty_ns.is_empty() => Ok(None),
            None => {
                let network = CloneFlags::CLONE_NEWNET.bits();
                Ok(Some(network.cast_unsigned()))
            }
        }
    }
}

fn directory(option: &str, path: &Path) -> Result<OwnedFd> {
    let doing = || format!("{option}: {}", path.display());
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| Error::invalid(option, path.display(), error.to_string()))?;
    let name = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Error::invalid(option, path.display(), "contains a NUL byte"))?;
    file::open(&name, OFlag::O_RDONLY | OFlag::O_DIRECTORY).doing(doing)
}
