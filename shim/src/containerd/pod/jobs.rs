//! What creators do for a pod's sandbox.

use super::{Sandbox, files};
use crate::containerd::delete;
use crate::creator::{Made, Outcome, in_root};
use crate::ttrpc::{Code, Status};
use peapod::container::{self, Force};
use peapod::sandbox;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Makes it: its files, and pause.
pub(in crate::containerd) fn create(root: &Path, asked: &Sandbox) -> Outcome {
    files::write(asked)?;
    // Kept open until it is joined.
    let users = asked.network_with_users().map(sandbox::owner_of).transpose()?;
    let user = users.as_ref().map(|fd| PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd())));
    let config = asked.config(user.as_deref())?;
    let made = in_root(root, |root| sandbox::create_supervised(root, &asked.id, &config))?;
    Ok(made.into())
}

/// Ends pause. Its containers have ended by then, or are killed.
pub(in crate::containerd) fn stop(root: &Path, id: &str, grace_period: Duration) -> Outcome {
    for (member, _) in delete::members(root, id) {
        match in_root(root, |root| container::stop(root, &member, Duration::ZERO)) {
            // Deleted since it was listed.
            Err(Status { code: Code::NotFound, .. }) => {}
            stopped => stopped?,
        }
    }
    in_root(root, |root| sandbox::stop(root, id, grace_period)).map(|()| Made::default())
}

/// Removes it, and what is left of its containers.
pub(in crate::containerd) fn delete(root: &Path, id: &str) -> Outcome {
    for (member, bundle) in delete::members(root, id) {
        delete::remove(root, &member, &bundle)?;
    }
    let warnings = in_root(root, |root| sandbox::delete(root, id, Force::Yes))?;
    Ok(Made { warnings, ..Made::default() })
}
