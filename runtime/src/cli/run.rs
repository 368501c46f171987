//! `peapod run`: create, start, wait for the end, delete.

use super::create::Shared;
use super::{Failed, warn};
use anyhow::Result;
use peapod::container::{Cgroups, Detach, Root, Run, exit_code_of, run};

/// Run a container from a bundle, wait for its end, and delete it
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    shared: Shared,

    /// Do not wait: the container stays until it is deleted
    #[arg(short, long)]
    detach: bool,

    /// Do not delete the container when it has ended
    #[arg(long)]
    keep: bool,

    /// Leave orphans of the container to the next reaper above
    #[arg(long)]
    no_subreaper: bool,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root, cgroups: Cgroups) -> Result<u8, Failed> {
        let request = Run {
            create: self.shared.request(cgroups),
            detach: if self.detach { Detach::Yes } else { Detach::No },
            keep: self.keep,
            no_subreaper: self.no_subreaper,
        };
        self.shared.traced(|| execute(root, &request))
    }
}

fn execute(root: &Root, request: &Run<'_>) -> Result<u8, Failed> {
    let running = run(root, request).map_err(|error| {
        let code = exit_code_of(&error);
        Failed { code, error: error.into() }
    })?;
    warn(&running.warnings)?;
    let (code, warnings) = running.wait().map_err(anyhow::Error::from)?;
    warn(&warnings)?;
    Ok(code)
}
