//! `peapod sandbox`: the pause process of a pod, and the namespaces that it holds.

use super::{Format, print_json, seconds, table, warn};
use anyhow::{Context, Result};
use clap::{Subcommand, ValueEnum};
use peapod::container::{Force, Root};
use peapod::sandbox::{self, IdMap, Options, PidMode, Row};
use std::time::Duration;

/// Make and end the sandboxes of pods
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start pause, and print its pid and namespaces as JSON
    Create {
        /// The name of the new sandbox
        id: String,

        /// Whether containers share one PID namespace, or each has one below that of pause
        #[arg(long, default_value = "shared")]
        pid: Pid,

        /// The hostname of the pod
        #[arg(long, value_name = "NAME")]
        hostname: Option<String>,

        /// Give the pod a user namespace: SIZE users from CONTAINER on are those from HOST on
        #[arg(long, value_name = "CONTAINER:HOST:SIZE", requires = "gid_map")]
        uid_map: Vec<IdMap>,

        /// Likewise for groups
        #[arg(long, value_name = "CONTAINER:HOST:SIZE", requires = "uid_map")]
        gid_map: Vec<IdMap>,
    },
    /// End all containers of a sandbox, then pause
    Stop {
        /// The sandbox
        id: String,

        /// How long the containers may take to end by themselves
        #[arg(short = 't', long, value_name = "SECONDS")]
        #[arg(default_value = "30", value_parser = seconds)]
        grace_period: Duration,
    },
    /// Delete a sandbox that has stopped, and its containers
    Delete {
        /// Kill whatever runs in it first; no error if it does not exist
        #[arg(short, long)]
        force: bool,

        /// The sandbox
        id: String,
    },
    /// List sandboxes
    List {
        /// The format of the list
        #[arg(short, long, default_value = "table")]
        format: Format,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Pid {
    Shared,
    Nested,
}

const HEADER: [&str; 6] = ["ID", "PID", "STATUS", "PID MODE", "CREATED", "CONTAINERS"];

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        match &self.verb {
            Verb::Create { id, pid, hostname, uid_map, gid_map } => {
                let mode = match pid {
                    Pid::Shared => PidMode::Shared,
                    Pid::Nested => PidMode::Nested,
                };
                let options = Options {
                    mode,
                    hostname: hostname.as_deref(),
                    uid_maps: uid_map.clone(),
                    gid_maps: gid_map.clone(),
                };
                let created = sandbox::create(root, id, options)?;
                let told = warn(&created.warnings).and_then(|()| print_json(&created));
                if told.is_err() {
                    // Nobody knows of it, and nobody would delete it.
                    sandbox::delete(root, id, Force::Yes)?;
                }
                told.context("standard output")
            }
            Verb::Stop { id, grace_period } => Ok(sandbox::stop(root, id, *grace_period)?),
            Verb::Delete { id, force } => {
                let force = if *force { Force::Yes } else { Force::No };
                warn(&sandbox::delete(root, id, force)?)
            }
            Verb::List { format } => list(root, *format),
        }
    }
}

fn list(root: &Root, format: Format) -> Result<()> {
    let rows = sandbox::list(root)?;
    match format {
        Format::Json => print_json(&rows),
        Format::Table => {
            let header = HEADER.map(str::to_owned).to_vec();
            table(&[vec![header], rows.iter().map(cells).collect()].concat())
        }
    }
}

fn cells(row: &Row) -> Vec<String> {
    vec![
        row.id.clone(),
        row.pid.to_string(),
        row.status.to_string(),
        row.pid_mode.to_owned(),
        row.created.clone(),
        row.containers.join(","),
    ]
}
