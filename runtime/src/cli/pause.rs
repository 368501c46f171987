//! `peapod pause`: freezes a container.

use anyhow::Result;
use peapod::container::{Root, freeze};

/// Suspend all processes of a container
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The container
    id: String,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        Ok(freeze(root, &self.id)?)
    }
}
