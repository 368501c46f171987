//! The command line: one verb a file, its arguments and its `run`.

mod check;
mod checkpoint;
mod create;
mod delete;
mod events;
mod exec;
mod features;
mod globals;
mod kill;
mod list;
pub(crate) mod log;
mod mounts;
mod output;
mod pause;
mod ps;
mod restore;
mod resume;
mod run;
mod sandbox;
mod spec;
mod start;
mod state;
mod stop;
mod update;
mod usage;
mod wait;

use anyhow::{Result, anyhow, ensure};
use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches};
use globals::Globals;
use output::{Format, print_json, table, warn};
use peapod::container::{Root, ensure_sealed, needs_sealing};
use std::ffi::OsString;
use std::time::Duration;

/// A verb: its name, what it takes, and what it does.
struct Verb {
    name: &'static str,
    arguments: fn(Command) -> Command,
    run: fn(&ArgMatches, &Globals) -> Result<u8, Failed>,
}

/// The verb whose file has the same name; one that is about containers is given their root.
macro_rules! verb {
    ($name:ident) => {
        verb!($name, |verb, globals| verb.run(&Root::open(&globals.root)?))
    };
    ($name:ident, |$verb:ident, $globals:ident| $run:expr) => {
        Verb {
            name: stringify!($name),
            arguments: $name::Arguments::augment_args,
            run: |matches, $globals| {
                let $verb = $name::Arguments::from_arg_matches(matches)?;
                $run.code()
            },
        }
    };
}

const VERBS: [Verb; 22] = [
    verb!(create, |verb, globals| verb.run(&Root::open(&globals.root)?, globals.cgroups())),
    verb!(start),
    verb!(run, |verb, globals| verb.run(&Root::open(&globals.root)?, globals.cgroups())),
    verb!(exec),
    verb!(state),
    verb!(kill),
    verb!(stop),
    verb!(delete),
    verb!(list),
    verb!(ps),
    verb!(pause),
    verb!(resume),
    verb!(update),
    verb!(events),
    verb!(checkpoint),
    verb!(restore, |verb, globals| verb.run(&Root::open(&globals.root)?, globals.cgroups())),
    verb!(wait),
    verb!(mounts),
    verb!(sandbox),
    verb!(check, |verb, _globals| verb.run()),
    verb!(spec, |verb, _globals| verb.run()),
    verb!(features, |verb, _globals| verb.run()),
];

/// Why nothing came of it, and the exit code that says so.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) code: u8,
    pub(crate) error: anyhow::Error,
}

impl<E: Into<anyhow::Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { code: 1, error: error.into() }
    }
}

/// What a verb comes to: nothing but that it is done, or the exit code of a program.
trait Outcome {
    fn code(self) -> Result<u8, Failed>;
}

impl Outcome for Result<()> {
    fn code(self) -> Result<u8, Failed> {
        Ok(self.map(|()| 0)?)
    }
}

impl Outcome for Result<u8, Failed> {
    fn code(self) -> Result<u8, Failed> {
        self
    }
}

/// Parses the command line and does what it says; answers with the exit code.
pub(crate) fn run(args: Vec<OsString>) -> Result<u8, Failed> {
    let command = command(&args);
    let args = usage::with_two_dashes(args, &command);
    if args.iter().any(|argument| needs_sealing(argument)) {
        ensure_sealed()?;
    }
    let matches = match command.try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => {
            error.print()?;
            return Ok(0);
        }
        Err(error) => {
            open_log_anyhow(&args)?;
            return Err(usage::explain(&error).into());
        }
    };
    let globals = Globals::from_arg_matches(&matches)?;
    log::open(&globals)?;
    let verb = matches.subcommand().and_then(|(name, arguments)| {
        VERBS.iter().find(|verb| verb.name == name).map(|verb| (verb, arguments))
    });
    let Some((verb, arguments)) = verb else { return Err(anyhow!("a command is needed").into()) };
    log::debug(|| format!("{} {}: {args:?}", env!("CARGO_PKG_VERSION"), env!("PEAPOD_COMMIT")));
    globals.check(verb.name)?;
    (verb.run)(arguments, &globals)
}

/// What is wrong with a command line goes where it says that messages go, as far as it says.
fn open_log_anyhow(args: &[OsString]) -> Result<()> {
    let command = Globals::command().subcommand_required(false).ignore_errors(true);
    let matches = command.allow_external_subcommands(true).try_get_matches_from(args);
    match matches.and_then(|matches| Globals::from_arg_matches(&matches)) {
        Ok(globals) => log::open(&globals),
        Err(_) => Ok(()),
    }
}

/// What clap is told. Only the verbs that stand among the arguments, or all where none does:
/// describing all takes as long as a simple verb itself.
fn command(args: &[OsString]) -> Command {
    let is_named = |verb: &&Verb| args.iter().any(|argument| argument == verb.name);
    let mut named: Vec<_> = VERBS.iter().filter(is_named).collect();
    if named.is_empty() {
        named = VERBS.iter().collect();
    }
    let describe = |verb: &Verb| (verb.arguments)(Command::new(verb.name)).args_override_self(true);
    Globals::command().subcommands(named.into_iter().map(describe))
}

/// Does something to each of some containers, whatever comes of the others; all that fails is told.
fn every(ids: &[String], mut act: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let failed: Vec<_> = ids.iter().filter_map(|id| act(id).err()).collect();
    let texts: Vec<_> = failed.iter().map(|error| format!("{error:#}")).collect();
    ensure!(texts.is_empty(), "{}", texts.join("; "));
    Ok(())
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
