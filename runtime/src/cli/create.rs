//! `peapod create`: makes a container, which then waits for `start`.

use super::warn;
use anyhow::Result;
use peapod::container::{Cgroups, Config, Create, Root, create, dry_run, trace, write_trace};
use std::io::Write;
use std::path::PathBuf;

/// Create a container from a bundle
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    shared: Shared,

    /// Print what would be done, in full, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What `create` and `run` have in common.
#[derive(Debug, clap::Args)]
pub(super) struct Shared {
    /// The name of the new container
    id: String,

    /// The directory that holds config.json
    #[arg(short, long, default_value = ".", value_name = "DIR")]
    bundle: PathBuf,

    /// Read the configuration from this file, or for `-` from standard input
    #[arg(short = 'f', long, value_name = "FILE|-")]
    config: Option<PathBuf>,

    /// Write the pid of its first process to this file
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,

    /// Run in the namespaces and the cgroup of this sandbox
    #[arg(long, value_name = "ID")]
    sandbox: Option<String>,

    /// Send its terminal to whoever listens at this socket
    #[arg(long, value_name = "PATH")]
    console_socket: Option<PathBuf>,

    /// Send a pidfd of its first process to whoever listens at this socket
    #[arg(long, value_name = "PATH")]
    pidfd_socket: Option<PathBuf>,

    /// Pass on this many descriptors after stderr
    #[arg(long, default_value_t = 0, value_name = "N")]
    preserve_fds: u32,

    /// Write how long each phase took to this file, as trace events of Chrome's
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,

    /// Enter the root by chroot, which a ramdisk needs, and not by `pivot_root`
    #[arg(long)]
    no_pivot: bool,

    /// Keep the session keyring of the caller
    #[arg(long)]
    no_new_keyring: bool,
}

impl Shared {
    /// Does it, and writes down how long that took, if anybody wants to know.
    pub(super) fn traced<T, E: From<peapod::error::Error>>(
        &self,
        act: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let Some(path) = &self.trace else { return act() };
        trace();
        let done = act();
        write_trace(path).map_err(E::from).and(done)
    }

    pub(super) fn request(&self, cgroups: Cgroups) -> Create<'_> {
        Create {
            id: &self.id,
            bundle: &self.bundle,
            config: match &self.config {
                None => Config::OfBundle,
                Some(path) if path.as_os_str() == "-" => Config::Stdin,
                Some(path) => Config::File(path),
            },
            sandbox: self.sandbox.as_deref(),
            pid_file: self.pid_file.as_deref(),
            console_socket: self.console_socket.as_deref(),
            pidfd_socket: self.pidfd_socket.as_deref(),
            preserve_fds: self.preserve_fds,
            no_pivot: self.no_pivot,
            no_new_keyring: self.no_new_keyring,
            pause_if: None,
            cgroups,
        }
    }
}

impl Arguments {
    pub(super) fn run(&self, root: &Root, cgroups: Cgroups) -> Result<()> {
        let request = self.shared.request(cgroups);
        if self.dry_run {
            let plan = dry_run(root, &request)?;
            return Ok(std::io::stdout().lock().write_all(plan.as_bytes())?);
        }
        self.shared.traced(|| warn(&create(root, &request)?))
    }
}
