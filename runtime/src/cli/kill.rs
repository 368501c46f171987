//! `peapod kill`: sends a signal to a container.

use super::signal;
use anyhow::Result;
use peapod::container::{Root, Target, kill};

/// Send a signal to a container
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Send it to every process of the container
    #[arg(short, long)]
    all: bool,

    /// The container
    id: String,

    /// A name, with or without SIG, or a number
    #[arg(default_value = "SIGTERM", value_parser = signal)]
    signal: i32,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        let target = if self.all { Target::All } else { Target::Init };
        Ok(kill(root, &self.id, self.signal, target)?)
    }
}
