//! Adds a process to a container.

use super::agent::Agent;
use super::console::{Console, Detach};
use super::descriptors;
use super::existing::{Paused, Target};
use super::foreground;
use super::interrupt::Interrupt;
use super::pidfd_socket::{Kind, PidfdSocket};
use super::root::{Entry, Root};
use super::spawn::{Spawned, spawn};
use super::state::Status;
use super::{filter, grant, pidfile};
use crate::error::{Error, Result};
use crate::init::Sources;
use crate::plan::{Facts, Plan};
use crate::spec::exec::{self, Changes};
use crate::sys::Errno;
use crate::sys::process::Child;
use crate::sys::signal::Signals;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// What `exec` is asked for.
#[derive(Debug)]
pub struct Exec<'a> {
    /// The container.
    pub id: &'a str,
    /// What is executed.
    pub program: Program<'a>,
    /// Where its pid is written to.
    pub pid_file: Option<&'a Path>,
    /// Where its terminal is sent to.
    pub console_socket: Option<&'a Path>,
    /// Where a pidfd of it is sent to.
    pub pidfd_socket: Option<&'a Path>,
    /// How many descriptors after stdio it keeps.
    pub preserve_fds: u32,
    /// The cgroup that it is in, below that of the container.
    pub cgroup: Option<&'a str>,
    /// Whether the container may be paused.
    pub paused: Paused,
    /// Whether its end is waited for.
    pub detach: Detach,
}

/// What is executed.
#[derive(Debug)]
pub enum Program<'a> {
    /// As a file says, in the form of `process` of config.json.
    File {
        /// The file.
        path: &'a Path,
        /// Whether it has a terminal, whatever the file says.
        terminal: bool,
    },
    /// As a text in that form says.
    Json(&'a [u8]),
    /// What the container's config.json says, with changes.
    Changed(Changes<'a>),
}

/// Executes a program in the container. Answers with its exit code, 128 and the signal if one has
/// ended it, 0 if it is not waited for; and with what it could not be given.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::WrongState`] if the container is not there to be joined;
/// [`Error::Init`] if the program cannot be executed.
pub fn exec(root: &Root, request: &Exec<'_>) -> Result<(u8, Vec<String>)> {
    let Added { child, terminal, signals, warnings } = exec_for(root, request)?;
    let code = match signals {
        Some(signals) => foreground::wait(&child, &signals, terminal, None)?,
        None => 0,
    };
    Ok((code, warnings))
}

/// A process that was added, and executes its program.
#[derive(Debug)]
pub(super) struct Added {
    pub(super) child: Child,
    /// The other end of its terminal, if that is for this process.
    pub(super) terminal: Option<OwnedFd>,
    /// What is passed on to it, if its end is waited for.
    signals: Option<Signals>,
    pub(super) warnings: Vec<String>,
}

/// Adds a process, and returns when it executes its program.
pub(super) fn exec_for(root: &Root, request: &Exec<'_>) -> Result<Added> {
    let entry = root.open_entry(request.id)?;
    let target = Target::open(&entry, request.paused)?;
    add(&entry, &target, request).map_err(|error| target.blame_end(error))
}

fn add(entry: &Entry, target: &Target, request: &Exec<'_>) -> Result<Added> {
    let own = || match target.state.has_config {
        true => exec::of_text(&entry.read_config()?),
        false => exec::of_bundle(&target.state.bundle),
    };
    let process = match &request.program {
        Program::File { path, terminal } => exec::of_file(path, own, *terminal)?,
        Program::Json(text) => exec::of_json(text, own)?,
        Program::Changed(changes) => exec::changed(own()?, changes)?,
    };
    let kept = descriptors::kept_by_exec(request.preserve_fds)?;
    let mut plan = Plan::of_exec(&process, &target.facts(), kept, &Facts::probe()?)?;
    plan.process.seccomp = filter::load(entry)?;
    let agent = Agent::open(&plan, &target.state, Status::Running)?;
    let console = Console::open(&plan, request.console_socket, request.detach)?;
    let pidfd_socket = PidfdSocket::open(request.pidfd_socket, Kind::Added)?;
    let sources = Sources::of_exec(&plan, target.pidfd()?)?;
    // What was opened by the number of the container's first process is its own.
    target.make_sure_it_lives()?;

    let interrupt = Interrupt::catch()?;
    grant::initial_processors(&plan)?;
    let mut spawned = birth(&plan, &sources, target, request.cgroup)?.with_agent(agent);
    drop(sources);
    let pid = spawned.wait_until_ready(&plan, None, &interrupt)?;
    grant::limits(&plan, pid)?;
    grant::oom_score(&plan, pid)?;
    pidfd_socket.map_or(Ok(()), |socket| socket.send(pid))?;
    grant::schedule(&plan, pid)?;
    let terminal = match spawned.take_terminal() {
        Some(terminal) => console.give(&plan, terminal)?,
        None => None,
    };
    // A signal that comes from here on is for the program; one that came before, for this process.
    let mut signals = foreground::signals(request.detach)?;
    interrupt.make_sure_none_came()?;
    spawned.release()?;
    interrupt.end(signals.as_mut());
    spawned.wait_for_exec(&plan)?;
    if let Some(path) = request.pid_file {
        pidfile::write(path, pid)?;
    }
    let child = spawned.keep()?;
    Ok(Added { child, terminal, signals, warnings: plan.warnings })
}

/// Clones the process into the container's cgroup or, where that can have none, to where the
/// container's first process is.
fn birth(plan: &Plan, sources: &Sources, target: &Target, below: Option<&str>) -> Result<Spawned> {
    let cgroup = target.birthplace(below)?;
    match spawn(plan, sources, cgroup.as_fd(), None) {
        Err(Error::Kernel { source, .. }) if below.is_none() && has_no_room(source.errno()) => {
            spawn(plan, sources, target.where_init_is()?.as_fd(), None)
        }
        spawned => spawned,
    }
}

/// A cgroup with controllers for the groups in it, one with threads of others, or one that is gone.
fn has_no_room(errno: Errno) -> bool {
    matches!(errno, Errno::EBUSY | Errno::EOPNOTSUPP | Errno::ENOENT | Errno::ENODEV)
}
