//! `peapod create`: makes a container, which then waits for `start`.

use super::warn;
use anyhow::Result;
use peapod::container::{Create, Root, create};
use std::path::PathBuf;

/// Create a container from a bundle
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The name of the new container
    id: String,

    /// The directory that holds config.json
    #[arg(short, long, default_value = ".", value_name = "DIR")]
    bundle: PathBuf,

    /// Write the pid of its first process to this file
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,

    /// Run in the namespaces and the cgroup of this sandbox
    #[arg(long, value_name = "ID")]
    sandbox: Option<String>,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        let warnings = create(
            root,
            &Create {
                id: &self.id,
                bundle: &self.bundle,
                sandbox: self.sandbox.as_deref(),
                pid_file: self.pid_file.as_deref(),
            },
        )?;
        warn(&warnings)
    }
}
