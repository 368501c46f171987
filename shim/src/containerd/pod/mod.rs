//! What containerd leaves to a shim that has the sandbox of a pod (containerd,
//! internal/cri/server/podsandbox: what its own sandbox does).

mod config;
mod files;
mod jobs;
mod mounts;

pub(super) use config::Sandbox;
pub(super) use jobs::{create, delete, stop};
pub(super) use mounts::Mounts;
