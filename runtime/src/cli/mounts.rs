//! `peapod mounts`: mounts in a container that runs.

use anyhow::Result;
use clap::Subcommand;
use peapod::container::{Root, add_mounts, remove_mounts};
use std::path::PathBuf;

/// Mount and unmount in a container that runs
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add mounts
    Add(What),
    /// Remove the mounts at those destinations
    Remove(What),
}

#[derive(Debug, clap::Args)]
struct What {
    /// The container
    id: String,

    /// JSON: a list of mounts as in config.json
    file: PathBuf,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        match &self.verb {
            Verb::Add(What { id, file }) => Ok(add_mounts(root, id, file)?),
            Verb::Remove(What { id, file }) => Ok(remove_mounts(root, id, file)?),
        }
    }
}
