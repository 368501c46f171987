//! Lists containers.

use super::root::Root;
use super::state::{Report, State, report};
use crate::error::{Error, Result};
use crate::sys::regex::Regex;
use std::ffi::CString;

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

/// The ids of the containers of `root` in which the extended regular expression `pattern` is found.
///
/// # Errors
///
/// [`Error::InvalidSpec`] if it is none.
pub fn matching(root: &Root, pattern: &str) -> Result<Vec<String>> {
    let invalid = |reason: &str| Error::invalid("--regex", format!("{pattern:?}"), reason);
    let text = CString::new(pattern).map_err(|_| invalid("contains a NUL byte"))?;
    let regex = Regex::new(&text).map_err(|_| invalid("not a regular expression"))?;
    let is_found = |id: &String| CString::new(id.as_str()).is_ok_and(|id| regex.matches(&id));
    let is_sandbox = |id: &String| {
        let state = root.open_entry(id).and_then(|entry| State::load(&entry));
        state.is_ok_and(|state| state.is_sandbox())
    };
    Ok(root.ids()?.into_iter().filter(|id| is_found(id) && !is_sandbox(id)).collect())
}

fn row(root: &Root, id: &str) -> Result<Option<Report>> {
    let entry = root.open_entry(id)?;
    let state = State::load(&entry)?;
    if state.is_sandbox() { Ok(None) } else { report(&entry, state).map(Some) }
}
