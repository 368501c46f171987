//! Bad input: one line that names the field and its value, status 1, and nothing left. Needs root.

mod attacks;
mod cgroups;
mod config;
mod hooks;
mod ids;
mod mounts;
mod namespaces;
mod process;
mod root;
mod seccomp;
mod table;
mod user_namespace;
mod verbs;

use anyhow::{Context, Result};
use tests::{Bundle, Root};

/// Makes sure that the bundle is refused, in a line with all of `parts`, and leaves nothing.
fn refused(root: &Root, bundle: &Bundle, parts: &[&str]) -> Result<()> {
    let message = root.try_create("c", bundle, &[])?.refused()?;
    for part in parts {
        assert!(message.contains(part), "no {part:?} in {message:?}");
    }
    root.has_nothing_left().with_context(|| message)
}
