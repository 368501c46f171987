//! What runs in creators: it may take its time, and leaves nothing behind when it fails.

use super::pod::Mounts;
use super::rootfs::{self, Rootfs};
use super::{delete, settings::Settings};
use crate::creator::{Made, Outcome, in_root};
use crate::logs::{self, Opened};
use crate::proto::types::Mount;
use crate::ttrpc::{Code, Status};
use peapod::container::{
    self, Annotation, Cgroups, Config, Create, Detach, Exec, Force, Paused, Program, Root,
};
use peapod::error::Error;
use std::path::Path;

/// What containerd's own pod sandbox marks the container with that holds the pod's namespaces
/// (containerd, internal/cri/annotations). Whatever its image is, it runs our pause.
const PAUSE: Annotation<'_> =
    Annotation { name: "io.kubernetes.cri.container-type", value: "sandbox" };

/// Creates a container: its root file system, its logger, and itself.
#[derive(Debug)]
pub(super) struct Creation<'a> {
    pub(super) id: &'a str,
    pub(super) namespace: &'a str,
    pub(super) bundle: &'a Path,
    pub(super) mounts: &'a [Mount],
    pub(super) settings: &'a Settings,
    pub(super) opened: &'a Opened,
    /// What it shares with its pod, if that is the shim's.
    pub(super) pod: Option<Mounts>,
}

impl Creation<'_> {
    pub(super) fn run(&self) -> Outcome {
        let Self { id, bundle, settings, .. } = self;
        self.pod.as_ref().map_or(Ok(()), |mounts| mounts.add_to(bundle))?;
        let rootfs = Rootfs::mount(bundle, self.mounts)?;
        let logger = logs::start(self.opened, id, self.namespace)?;
        let create = Create {
            id,
            bundle,
            config: Config::OfBundle,
            sandbox: None,
            pid_file: None,
            console_socket: None,
            pidfd_socket: None,
            preserve_fds: 0,
            no_pivot: settings.no_pivot,
            no_new_keyring: settings.no_new_keyring,
            pause_if: Some(PAUSE),
            cgroups: Cgroups::AsNamed,
        };
        let made = in_root(&settings.root, |root| container::create_supervised(root, &create))?;
        rootfs.keep();
        Ok(Made { logger, ..made.into() })
    }

    /// The shim is gone, and will not hear of it.
    pub(super) fn undo(&self) {
        // `delete` tries again.
        drop(delete::remove(&self.settings.root, self.id, self.bundle));
    }
}

/// Adds a process to a container.
#[derive(Debug)]
pub(super) struct Addition<'a> {
    pub(super) id: &'a str,
    pub(super) namespace: &'a str,
    pub(super) root: &'a Path,
    /// `process` of config.json.
    pub(super) spec: &'a [u8],
    pub(super) terminal: bool,
    pub(super) opened: &'a Opened,
}

impl Addition<'_> {
    pub(super) fn run(&self) -> Outcome {
        let logger = logs::start(self.opened, self.id, self.namespace)?;
        let spec = with_terminal(self.spec, self.terminal)?;
        let exec = Exec {
            id: self.id,
            program: Program::Json(&spec),
            pid_file: None,
            console_socket: None,
            pidfd_socket: None,
            preserve_fds: 0,
            cgroup: None,
            paused: Paused::Refuse,
            detach: Detach::Supervised,
        };
        let made = in_root(self.root, |root| container::exec_supervised(root, &exec))?;
        Ok(Made { logger, ..made.into() })
    }
}

/// Does something with a container that gives nothing back.
pub(super) fn act(root: &Path, act: impl FnOnce(&Root) -> Result<(), Error>) -> Outcome {
    in_root(root, act).map(|()| Made::default())
}

/// Mounts the root file system of a container that is to be restored.
pub(super) fn mount(bundle: &Path, mounts: &[Mount]) -> Outcome {
    Rootfs::mount(bundle, mounts)?.keep();
    Ok(Made::default())
}

/// Removes a container and its root file system.
pub(super) fn remove(root: &Path, id: &str, bundle: &Path) -> Outcome {
    let warnings = in_root(root, |root| container::delete(root, id, Force::Yes))?;
    rootfs::unmount(bundle)?;
    Ok(Made { warnings, ..Made::default() })
}

/// A process of config.json that has a terminal, or none, as the call says.
fn with_terminal(spec: &[u8], terminal: bool) -> Result<Vec<u8>, Status> {
    let invalid =
        |error: serde_json::Error| Status::new(Code::InvalidArgument, format!("process: {error}"));
    let mut process: serde_json::Value = serde_json::from_slice(spec).map_err(invalid)?;
    if let Some(fields) = process.as_object_mut() {
        fields.insert("terminal".to_owned(), terminal.into());
    }
    serde_json::to_vec(&process).map_err(invalid)
}
