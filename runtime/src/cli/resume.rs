//! `peapod resume`: thaws a container.

use anyhow::Result;
use peapod::container::{Root, thaw};

/// Let the processes of a container go on that was paused
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The container
    id: String,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        Ok(thaw(root, &self.id)?)
    }
}
