//! `peapod checkpoint` and what it has in common with `restore`.

use super::warn;
use anyhow::{Context, Result};
use clap::ValueEnum;
use peapod::container::{self, CgroupsMode, CriuOptions, Root};
use std::path::PathBuf;

/// Write a running container into files, from which restore makes it again
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The container
    id: String,

    #[command(flatten)]
    shared: Shared,

    /// Let the container go on
    #[arg(long)]
    leave_running: bool,

    /// Leave out TCP connections that are not established yet
    #[arg(long)]
    tcp_skip_in_flight: bool,

    /// Send the memory to the page server that listens there
    #[arg(long, value_name = "ADDRESS:PORT")]
    page_server: Option<String>,

    /// Only write its memory, while it runs, for a later checkpoint
    #[arg(long)]
    pre_dump: bool,

    /// The files of an earlier checkpoint, as a path from those of this one
    #[arg(long, value_name = "DIR")]
    parent_path: Option<PathBuf>,
}

/// What `checkpoint` and `restore` have in common.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags, each by its own name")]
pub(super) struct Shared {
    /// The directory of CRIU's files
    #[arg(long, value_name = "DIR", default_value = "checkpoint")]
    image_path: PathBuf,

    /// The directory of CRIU's log, if that is another one
    #[arg(long, value_name = "DIR")]
    work_path: Option<PathBuf>,

    /// Allow open TCP connections
    #[arg(long)]
    tcp_established: bool,

    /// Allow Unix sockets with a peer outside
    #[arg(long)]
    ext_unix_sk: bool,

    /// Allow the session and the terminal of somebody else
    #[arg(long)]
    shell_job: bool,

    /// Allow file locks
    #[arg(long)]
    file_locks: bool,

    /// What CRIU does about cgroups
    #[arg(long, value_name = "MODE", default_value = "ignore")]
    manage_cgroups_mode: Mode,

    /// A kind of namespace that is not written, and new when restored: network
    #[arg(long, value_name = "KIND")]
    empty_ns: Vec<String>,

    /// Take memory out of the files of earlier checkpoints that later ones have
    #[arg(long)]
    auto_dedup: bool,

    /// Give files a name again that were deleted while open
    #[arg(long)]
    link_remap: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    Ignore,
    Soft,
    Full,
    Strict,
}

impl Shared {
    pub(super) fn options(&self) -> CriuOptions<'_> {
        CriuOptions {
            image_path: self.image_path.clone(),
            work_path: self.work_path.clone(),
            tcp_established: self.tcp_established,
            ext_unix_sk: self.ext_unix_sk,
            shell_job: self.shell_job,
            file_locks: self.file_locks,
            link_remap: self.link_remap,
            auto_dedup: self.auto_dedup,
            cgroups: match self.manage_cgroups_mode {
                Mode::Ignore => CgroupsMode::Ignore,
                Mode::Soft => CgroupsMode::Soft,
                Mode::Full => CgroupsMode::Full,
                Mode::Strict => CgroupsMode::Strict,
            },
            empty_ns: &self.empty_ns,
        }
    }
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        let page_server = self.page_server.as_deref().map(|at| {
            let (address, port) = at.rsplit_once(':').context("needs an address and a port")?;
            Ok((address, port.parse().context("not a port")?))
        });
        let page_server: Result<Option<(&str, u16)>> = page_server.transpose();
        let request = container::Checkpoint {
            options: self.shared.options(),
            leave_running: self.leave_running,
            pre_dump: self.pre_dump,
            parent_path: self.parent_path.as_deref(),
            page_server: page_server.context("--page-server")?,
            tcp_skip_in_flight: self.tcp_skip_in_flight,
        };
        warn(&container::checkpoint(root, &self.id, &request)?)
    }
}
