//! `peapod stop`: ends a container gracefully.

use super::seconds;
use anyhow::Result;
use peapod::container::{Root, stop};
use std::time::Duration;

/// Stop a container: its stop signal, the grace period, then SIGKILL
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How long it may take to end by itself
    #[arg(short = 't', long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    grace_period: Duration,

    /// The container
    id: String,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        Ok(stop(root, &self.id, self.grace_period)?)
    }
}
