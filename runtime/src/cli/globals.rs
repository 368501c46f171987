//! What stands before the verb, and holds for all of them.

use anyhow::{Result, bail};
use clap::{ArgAction, Parser, ValueEnum};
use peapod::container::Cgroups;
use std::fmt::{self, Display};
use std::path::PathBuf;

/// In the form that callers of runc parse.
const VERSION: &str = concat!(
    "version ",
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("PEAPOD_COMMIT"),
    "\nspec: ",
    peapod::oci_version!()
);

/// An OCI runtime that knows pods.
#[derive(Debug, Parser)]
#[command(
    name = "peapod",
    version = VERSION,
    disable_version_flag = true,
    subcommand_required = true,
    args_override_self = true
)]
pub(super) struct Globals {
    /// The directory that holds the state of all containers
    #[arg(long, global = true, value_name = "DIR", default_value = "/run/peapod")]
    pub(super) root: PathBuf,

    /// Write messages there: [file:]PATH, journald:NAME or syslog:NAME; errors to stderr as well
    #[arg(long, value_name = "TARGET")]
    pub(super) log: Option<String>,

    /// How messages are written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,

    /// The least that is written
    #[arg(long, value_name = "LEVEL", default_value = "warning")]
    pub(super) log_level: Level,

    /// Also say what is done
    #[arg(long)]
    pub(super) debug: bool,

    /// Let systemd make cgroups: the same as --cgroup-manager=systemd
    #[arg(long)]
    systemd_cgroup: bool,

    /// Who makes cgroups
    #[arg(long, value_name = "MANAGER", default_value = "cgroupfs")]
    cgroup_manager: CgroupManager,

    /// Whether to do without the privileges of root: true is not supported yet
    #[arg(long, value_name = "WHETHER", default_value = "auto")]
    rootless: Rootless,

    /// Print the version
    #[arg(short = 'v', short_alias = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// From what must be heard to what may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Level {
    Error,
    Warning,
    Debug,
}

impl Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Debug => "debug",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CgroupManager {
    Cgroupfs,
    Systemd,
    Disabled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rootless {
    True,
    False,
    Auto,
}

impl Globals {
    /// Refuses what this version cannot do. Who makes cgroups is a question only to verbs that make
    /// some: others find them by what is written of them.
    pub(super) fn check(&self, verb: &str) -> Result<()> {
        let refuse = |what: &str| bail!("{what}: not supported by this version of peapod");
        if self.rootless == Rootless::True {
            return refuse("--rootless=true");
        }
        if !matches!(verb, "create" | "run" | "restore" | "sandbox") {
            return Ok(());
        }
        match self.cgroup_manager {
            CgroupManager::Disabled => refuse("--cgroup-manager=disabled"),
            CgroupManager::Cgroupfs | CgroupManager::Systemd => Ok(()),
        }
    }

    /// Who makes the cgroup of a container. That of a sandbox is always a directory of ours.
    pub(super) fn cgroups(&self) -> Cgroups {
        if self.systemd_cgroup || self.cgroup_manager == CgroupManager::Systemd {
            Cgroups::Systemd
        } else {
            Cgroups::Cgroupfs
        }
    }
}
