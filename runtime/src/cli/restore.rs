//! `peapod restore`: makes a container of what `checkpoint` has written.

use super::checkpoint::Shared;
use super::{Failed, warn};
use anyhow::{Error, Result};
use peapod::container::{self, Cgroups, Detach, Root};
use std::path::PathBuf;

/// Restore a container from the files of a checkpoint, and wait for its end
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The name of the container
    id: String,

    /// The directory that holds config.json
    #[arg(short, long, default_value = ".", value_name = "DIR")]
    bundle: PathBuf,

    #[command(flatten)]
    shared: Shared,

    /// Write the pid of its first process to this file
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,

    /// Send its terminal to whoever listens at this socket
    #[arg(long, value_name = "PATH")]
    console_socket: Option<PathBuf>,

    /// Do not wait: the container stays until it is deleted
    #[arg(short, long)]
    detach: bool,

    /// Leave orphans of the container to the next reaper above
    #[arg(long)]
    no_subreaper: bool,

    /// Restore TCP connections as closed
    #[arg(long)]
    tcp_close: bool,

    /// The profile of `AppArmor`'s or the label of `SELinux`'s for its processes: TYPE:NAME
    #[arg(long, value_name = "PROFILE")]
    lsm_profile: Option<String>,

    /// The context for its mounts
    #[arg(long, value_name = "CONTEXT")]
    lsm_mount_context: Option<String>,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root, cgroups: Cgroups) -> Result<u8, Failed> {
        let request = container::Restore {
            options: self.shared.options(),
            id: &self.id,
            bundle: &self.bundle,
            pid_file: self.pid_file.as_deref(),
            console_socket: self.console_socket.as_deref(),
            detach: if self.detach { Detach::Yes } else { Detach::No },
            no_subreaper: self.no_subreaper,
            tcp_close: self.tcp_close,
            lsm_profile: self.lsm_profile.as_deref(),
            lsm_mount_context: self.lsm_mount_context.as_deref(),
            cgroups,
        };
        let running = container::restore(root, &request).map_err(Error::from)?;
        warn(&running.warnings)?;
        let (code, warnings) = running.wait().map_err(Error::from)?;
        warn(&warnings)?;
        Ok(code)
    }
}
