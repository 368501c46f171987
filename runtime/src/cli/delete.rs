//! `peapod delete`: removes a container.

use super::warn;
use anyhow::Result;
use peapod::container::{Force, Root, delete};

/// Delete a container that has stopped
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Kill it first if it runs; no error if it does not exist
    #[arg(short, long)]
    force: bool,

    /// The container
    id: String,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        let force = if self.force { Force::Yes } else { Force::No };
        warn(&delete(root, &self.id, force)?)
    }
}
