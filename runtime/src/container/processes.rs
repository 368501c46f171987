//! The processes of a container.

use super::root::Root;
use super::state::{State, own_cgroup};
use crate::cgroup::Cgroup;
use crate::error::Result;

/// The numbers of all processes of the container `id`, as the caller sees them; none if it has
/// stopped.
///
/// # Errors
///
/// [`Error::NotFound`](crate::error::Error::NotFound).
pub fn processes(root: &Root, id: &str) -> Result<Vec<i32>> {
    let entry = root.open_entry(id)?;
    State::load(&entry)?.must_be_a_container()?;
    own_cgroup(&entry)?.as_ref().map_or(Ok(Vec::new()), Cgroup::processes)
}
