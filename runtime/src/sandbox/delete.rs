//! Deletes a sandbox, and the containers that are its members.

use super::{lock, members};
use crate::container::{self, Force, Root, State, clean_up, own_cgroup};
use crate::error::{Error, Result};

/// Deletes the sandbox `id` and what is left of its containers; answers with what their hooks
/// complain of.
///
/// # Errors
///
/// Without force: [`Error::NotFound`], and [`Error::WrongState`] if any process of the pod runs.
pub fn delete(root: &Root, id: &str, force: Force) -> Result<Vec<String>> {
    let (locked, state) = match lock(root, id) {
        // Its state cannot be read, or was not written yet: what it owns is written down beside it.
        Err(Error::NotFound(_) | Error::InvalidSpec { .. } | Error::Kernel { .. })
            if force == Force::Yes =>
        {
            return match root.lock(id) {
                Err(Error::NotFound(_)) => Ok(Vec::new()),
                locked => clean_up(root, locked?, &State::unknown(id)),
            };
        }
        locked => locked?,
    };
    if force == Force::No
        && let Some(cgroup) = own_cgroup(&locked.entry)?
        && !cgroup.is_over()?
    {
        let message = format!("cannot delete sandbox {id} that is not stopped: stop it first");
        return Err(Error::WrongState(message));
    }
    let mut warnings = Vec::new();
    for member in members(root, id)? {
        warnings.extend(container::delete(root, &member.id, Force::Yes)?);
    }
    warnings.extend(clean_up(root, locked, &state)?);
    Ok(warnings)
}
