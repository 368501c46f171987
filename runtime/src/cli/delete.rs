//! `peapod delete`: removes a container.

use super::{every, warn};
use anyhow::Result;
use peapod::container::{Force, Root, delete, matching};

/// Delete a container that has stopped
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Kill it first if it runs; no error if it does not exist
    #[arg(short, long)]
    force: bool,

    /// ID is a regular expression: delete all containers in whose names that is found
    #[arg(short, long)]
    regex: bool,

    /// The container
    id: String,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        let force = if self.force { Force::Yes } else { Force::No };
        if self.regex {
            let ids = matching(root, &self.id)?;
            return every(&ids, |id| warn(&delete(root, id, force)?));
        }
        warn(&delete(root, &self.id, force)?)
    }
}
