//! `peapod wait`: waits for the end of a container.

use anyhow::Result;
use peapod::container::{Root, wait};
use std::io::Write;

/// Wait until a container ends, and print its exit code: 128 and the signal if one has ended it
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The container
    id: String,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        let code = wait(root, &self.id)?;
        Ok(writeln!(std::io::stdout(), "{code}")?)
    }
}
