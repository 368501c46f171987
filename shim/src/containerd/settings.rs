//! What a task is made with that its bundle does not say.

use crate::proto::{Any, runc};
use crate::ttrpc::{Code, Status};
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
}

impl Settings {
    pub(super) fn of(options: Option<&Any>, namespace: &str) -> Result<Self, Status> {
        let invalid = |error| Status::new(Code::InvalidArgument, format!("options: {error}"));
        let options = match options {
            Some(options) => options.unpack::<runc::Options>().map_err(invalid)?,
            None => None,
        };
        let options = options.unwrap_or_default();
        Ok(Self {
            root: root(&options.root, namespace),
            owner: (options.io_uid != 0 || options.io_gid != 0)
                .then_some((options.io_uid, options.io_gid)),
            no_pivot: options.no_pivot_root,
            no_new_keyring: options.no_new_keyring,
        })
    }
}

/// The runtime's directory; an empty `base` is the usual one.
pub(super) fn root(base: &str, namespace: &str) -> PathBuf {
    Path::new(if base.is_empty() { ROOT } else { base }).join(namespace)
}
