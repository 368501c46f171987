//! The program that containerd executes (containerd, core/runtime/v2/README.md): `start` answers
//! with the address of a shim, `delete` cleans up after one, and without an action it is one.

pub mod args;

use anyhow::{Result, bail};
use args::Args;
use std::ffi::OsString;

/// Does what `arguments`, the program's name first, ask for.
///
/// # Errors
///
/// One line that says what could not be done; containerd shows it.
pub fn run(arguments: Vec<OsString>) -> Result<()> {
    let args = Args::parse(arguments.into_iter().skip(1))?;
    bail!("{:?}: not done yet", args.action)
}
