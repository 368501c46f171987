//! Lists sandboxes.

use super::members;
use crate::container::{Kind, Root, State, Status, own_cgroup};
use crate::error::Result;
use serde::Serialize;

/// A sandbox in a list.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub id: String,
    /// The pause process; 0 when it has ended.
    pub pid: i32,
    /// Running while pause does, else stopped.
    pub status: Status,
    /// `shared` or `nested`.
    pub pid_mode: &'static str,
    /// The ids of its containers.
    pub containers: Vec<String>,
    /// When it was created, RFC 3339.
    pub created: String,
}

/// All sandboxes of `root`, by id.
///
/// # Errors
///
/// [`Error::Kernel`](crate::error::Error::Kernel) if the root cannot be read.
pub fn list(root: &Root) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for id in root.ids()? {
        let Ok(entry) = root.open_entry(&id) else { continue };
        let Ok(state) = State::load(&entry) else { continue };
        let Kind::Sandbox { nested, .. } = state.kind else { continue };
        let status = state.status(&entry, own_cgroup(&entry)?.as_ref())?;
        let is_alive = status != Status::Stopped;
        rows.push(Row {
            pid: state.init.as_ref().filter(|_| is_alive).map_or(0, |init| init.pid),
            status,
            pid_mode: if nested { "nested" } else { "shared" },
            containers: members(root, &id)?.into_iter().map(|member| member.id).collect(),
            created: state.created,
            id,
        });
    }
    Ok(rows)
}
