//! `peapod kill`: sends a signal to a container.

use super::{every, signal};
use anyhow::Result;
use peapod::container::{Root, Target, kill, matching};

/// Send a signal to a container
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Send it to every process of the container
    #[arg(short, long)]
    all: bool,

    /// ID is a regular expression: send it to all containers in whose names that is found
    #[arg(short, long)]
    regex: bool,

    /// The container
    id: String,

    /// A name, with or without SIG, or a number
    #[arg(default_value = "SIGTERM", value_parser = signal)]
    signal: i32,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        let target = if self.all { Target::All } else { Target::Init };
        if self.regex {
            let ids = matching(root, &self.id)?;
            return every(&ids, |id| Ok(kill(root, id, self.signal, target)?));
        }
        Ok(kill(root, &self.id, self.signal, target)?)
    }
}
