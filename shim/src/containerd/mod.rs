//! The program that containerd executes (containerd, core/runtime/v2/README.md): `start` answers
//! with the address of a shim, `delete` cleans up after one, and without an action it is one.

pub mod args;
pub mod bootstrap;
mod checkpoint;
mod delete;
mod ends;
mod grave;
mod info;
mod jobs;
mod loggers;
mod made;
mod memory;
pub mod options;
mod pod;
mod rootfs;
mod sandbox;
mod serve;
mod settings;
mod settle;
mod socket;
mod start;
mod task;

use anyhow::{Context, Result};
use args::{Action, Args};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

/// Does what `arguments`, the program's name first, ask for.
///
/// # Errors
///
/// One line that says what could not be done; containerd shows it.
pub fn run(arguments: Vec<OsString>) -> Result<()> {
    let mut arguments = arguments.into_iter();
    let program = arguments.next().context("no arguments")?;
    let args = Args::parse(arguments)?;
    let name = Path::new(&program).file_name().unwrap_or_default().to_string_lossy();
    match args.action {
        Action::Version => info::version(&name),
        Action::Info => info::info(),
        Action::Start => start::start(&args, &name),
        Action::Delete => delete::run(&args),
        Action::Serve => serve::serve(&args),
    }
}

/// Writes `bytes` to standard output, all of them: nobody flushes it at the end of this process.
fn answer(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).context("answering")
}
