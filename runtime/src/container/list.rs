//! Lists containers.

use super::root::Root;
use super::state::{Report, State, report};
use crate::error::{Error, Result};

/// A container in a list.
#[derive(Debug)]
pub enum Row {
    /// One that can be reported on.
    Whole(Report),
    /// One whose state cannot be read, and why: it must not hide the others.
    Corrupt {
        /// Its id.
        id: String,
        /// What is wrong with it.
        reason: Error,
    },
}

/// All containers of `root`, by id; sandboxes are listed by themselves.
///
/// # Errors
///
/// [`Error::Kernel`] if the root cannot be read.
pub fn list(root: &Root) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for id in root.ids()? {
        match row(root, &id) {
            Ok(Some(report)) => rows.push(Row::Whole(report)),
            Ok(None) => {}
            // Deleted since its name was read.
            Err(Error::NotFound(_)) => {}
            Err(reason) => rows.push(Row::Corrupt { id, reason }),
        }
    }
    Ok(rows)
}

fn row(root: &Root, id: &str) -> Result<Option<Report>> {
    let entry = root.open_entry(id)?;
    let state = State::load(&entry)?;
    if state.is_sandbox() { Ok(None) } else { report(&entry, state).map(Some) }
}
