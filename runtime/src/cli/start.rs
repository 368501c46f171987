//! `peapod start`: executes the program of a container that was created.

use anyhow::Result;
use peapod::container::{Root, start};

/// Start a container that was created
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The container
    id: String,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        Ok(start(root, &self.id)?)
    }
}
