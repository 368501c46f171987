//! The command line: one verb a file, its arguments and its `run`.

mod create;
mod delete;
mod events;
mod kill;
mod list;
mod output;
mod pause;
mod ps;
mod resume;
mod sandbox;
mod start;
mod state;
mod stop;
mod update;

use anyhow::Result;
use clap::{Parser, Subcommand};
use output::{Format, print_json, table, warn};
use peapod::container::{Root, ensure_sealed};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// An OCI runtime that knows pods.
#[derive(Debug, Parser)]
#[command(name = "peapod", version, subcommand_required = true)]
struct Arguments {
    /// The directory that holds the state of all containers
    #[arg(long, global = true, value_name = "DIR", default_value = "/run/peapod")]
    root: PathBuf,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Create(create::Arguments),
    Start(start::Arguments),
    State(state::Arguments),
    Kill(kill::Arguments),
    Stop(stop::Arguments),
    Delete(delete::Arguments),
    List(list::Arguments),
    Ps(ps::Arguments),
    Pause(pause::Arguments),
    Resume(resume::Arguments),
    Update(Box<update::Arguments>),
    Events(events::Arguments),
    Sandbox(sandbox::Arguments),
}

/// Parses the command line and does what it says.
pub(crate) fn run(args: Vec<OsString>) -> Result<()> {
    // Before parsing, which would be done twice otherwise. An argument that only looks like the
    // verb costs a millisecond.
    if args.iter().any(|arg| arg == "create") {
        ensure_sealed()?;
    }
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) if !error.use_stderr() => {
            error.print()?;
            return Ok(());
        }
        Err(error) => return Err(usage(&error)),
    };
    let root = Root::open(&arguments.root)?;
    match arguments.verb {
        Verb::Create(verb) => verb.run(&root),
        Verb::Start(verb) => verb.run(&root),
        Verb::State(verb) => verb.run(&root),
        Verb::Kill(verb) => verb.run(&root),
        Verb::Stop(verb) => verb.run(&root),
        Verb::Delete(verb) => verb.run(&root),
        Verb::List(verb) => verb.run(&root),
        Verb::Ps(verb) => verb.run(&root),
        Verb::Pause(verb) => verb.run(&root),
        Verb::Resume(verb) => verb.run(&root),
        Verb::Update(verb) => verb.run(&root),
        Verb::Events(verb) => verb.run(&root),
        Verb::Sandbox(verb) => verb.run(&root),
    }
}

/// clap's message in one line: `main` prints errors, and prints them all alike.
fn usage(error: &clap::Error) -> anyhow::Error {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let rest: Vec<_> = lines.take_while(|line| !line.starts_with("Usage:")).collect();
    anyhow::anyhow!("{} (see --help)", [&[first.as_str()], rest.as_slice()].concat().join(" "))
}

/// A number of seconds, whole or not.
fn seconds(text: &str) -> Result<Duration, String> {
    /// A deadline must be a time that the clock can show.
    const MOST: f64 = 1e9;
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if seconds > MOST {
        return Err(format!("more than {MOST} seconds"));
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn signal(text: &str) -> Result<i32, String> {
    peapod::signal::parse(text).ok_or_else(|| format!("unknown signal \"{text}\""))
}
