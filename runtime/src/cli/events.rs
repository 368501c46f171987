//! `peapod events`: prints what a container uses, and when it runs out of memory.

use anyhow::{Result, ensure};
use peapod::container::{Happening, Root, Statistics, Watch, statistics};
use serde::Serialize;
use std::io::Write;
use std::time::{Duration, Instant};

/// Print what a container uses, and when it runs out of memory, as lines of JSON, until it ends
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print what it uses once
    #[arg(long)]
    stats: bool,

    /// How often to print what it uses: 5s, 100ms
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    interval: Duration,

    /// The container
    id: String,
}

/// A line, as runc has it.
#[derive(Debug, Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Statistics>,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        ensure!(!self.interval.is_zero(), "duration interval must be greater than 0");
        if self.stats {
            return self.print("stats", Some(statistics(root, &self.id)?));
        }
        let mut watch = Watch::open(root, &self.id)?;
        let mut next = Instant::now() + self.interval;
        loop {
            match watch.wait(next)? {
                Happening::End => return Ok(()),
                Happening::OutOfMemory => self.print("oom", None)?,
                Happening::Nothing => {
                    self.print("stats", Some(watch.statistics()?))?;
                    next = Instant::now() + self.interval;
                }
            }
        }
    }

    fn print(&self, kind: &'static str, data: Option<Statistics>) -> Result<()> {
        let event = Event { kind, id: &self.id, data };
        let mut line = serde_json::to_vec(&event)?;
        line.push(b'\n');
        let mut out = std::io::stdout().lock();
        out.write_all(&line)?;
        Ok(out.flush()?)
    }
}
