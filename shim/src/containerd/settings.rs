//! What a task is made with that its bundle does not say.

use super::options::Options;
use crate::proto::Any;
use crate::ttrpc::Status;
use std::path::{Path, PathBuf};

/// Where the runtime keeps its state, if nobody says otherwise.
const ROOT: &str = "/run/containerd/peapod";

#[derive(Debug)]
pub(super) struct Settings {
    /// The runtime's directory, for this namespace of containerd's.
    pub(super) root: PathBuf,
    /// Who owns the pipes of its stdio.
    pub(super) owner: Option<(u32, u32)>,
    pub(super) no_pivot: bool,
    pub(super) no_new_keyring: bool,
    /// Where CRIU's files are, if the call says nothing of them.
    pub(super) images: Option<PathBuf>,
    /// Where it works.
    pub(super) work: Option<PathBuf>,
}

impl Settings {
    pub(super) fn of(options: Option<&Any>, namespace: &str) -> Result<Self, Status> {
        let options = Options::of(options)?;
        let owner = (options.io_uid, options.io_gid);
        Ok(Self {
            root: root(options.root.as_deref(), namespace),
            owner: (owner != (0, 0)).then_some(owner),
            no_pivot: options.no_pivot_root,
            no_new_keyring: options.no_new_keyring,
            images: options.criu_image_path,
            work: options.criu_work_path,
        })
    }
}

/// The runtime's directory, below `base` or where it usually is.
pub(super) fn root(base: Option<&Path>, namespace: &str) -> PathBuf {
    base.unwrap_or(Path::new(ROOT)).join(namespace)
}
