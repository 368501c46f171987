//! Containers and processes of a supervisor: it wants to know their ends, and has the other ends of
//! their terminals.

use super::console::Detach;
use super::create::{Create, Created, create_for};
use super::exec::{Added, Exec, exec_for};
use super::root::Root;
use crate::error::Result;
use crate::sys::fork::Process;
use std::os::fd::OwnedFd;

/// A process that was made, and whose parent is this process.
#[derive(Debug)]
pub struct Supervised {
    /// The process.
    pub process: Process,
    /// The other end of its terminal, if it has one.
    pub terminal: Option<OwnedFd>,
    /// What it could not be given.
    pub warnings: Vec<String>,
}

/// Creates a container, as [`create`](super::create()) does; its terminal stays here.
///
/// # Errors
///
/// Every error of this library; whichever it is, nothing of the container is left.
pub fn create_supervised(root: &Root, request: &Create<'_>) -> Result<Supervised> {
    let Created { up, warnings } = create_for(root, request, Detach::Supervised)?;
    Ok(Supervised { process: up.child.into(), terminal: up.terminal, warnings })
}

/// Executes a program in a container, as [`exec`](super::exec()) does, and returns when it runs;
/// its terminal stays here. `request.detach` must be [`Detach::Supervised`].
///
/// # Errors
///
/// As those of `exec`.
pub fn exec_supervised(root: &Root, request: &Exec<'_>) -> Result<Supervised> {
    let Added { child, terminal, warnings, .. } = exec_for(root, request)?;
    Ok(Supervised { process: child.into(), terminal, warnings })
}
