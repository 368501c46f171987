//! A sandbox: the pause process of a pod, the namespaces that it holds, and the cgroup that all of
//! the pod is in.
//!
//! Pause comes to be like any container, by a plan; only that the plan is built in, not read.

mod configured;
mod create;
mod delete;
mod list;
mod plan;
mod stop;

pub use crate::plan::ids::IdMap;
pub use configured::{create_supervised, owner_of};
pub use create::{Created, Namespaces, Options, PidMode, create};
pub use delete::delete;
pub use list::{Row, list};
pub use stop::stop;

use crate::container::root::Locked;
use crate::container::{Kind, Root, State};
use crate::error::{Error, Result};

/// The sandbox `id`, for an operation that changes it.
fn lock(root: &Root, id: &str) -> Result<(Locked, State)> {
    let locked = root.lock(id).map_err(|error| match error {
        Error::NotFound(_) => Error::NotFound(format!("sandbox {id}")),
        other => other,
    })?;
    let state = State::load(&locked.entry)?;
    match state.kind {
        Kind::Sandbox { .. } => Ok((locked, state)),
        Kind::Container { .. } => {
            Err(Error::WrongState(format!("{id} is a container, not a sandbox")))
        }
    }
}

/// The states of the containers that are members of the sandbox `id`.
fn members(root: &Root, id: &str) -> Result<Vec<State>> {
    let mut members = Vec::new();
    for other in root.ids()? {
        // One that is being created or deleted, or is corrupt, has its processes in the pod's
        // cgroup all the same.
        let Ok(state) = root.open_entry(&other).and_then(|entry| State::load(&entry)) else {
            continue;
        };
        if state.sandbox() == Some(id) {
            members.push(state);
        }
    }
    Ok(members)
}
