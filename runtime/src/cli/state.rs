//! `peapod state`: prints what a container is and does, as runtime.md has it.

use super::print_json;
use anyhow::Result;
use peapod::container::{Root, state};

/// Print the state of a container as JSON
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The container
    id: String,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        print_json(&state(root, &self.id)?)
    }
}
