//! The hooks that the parent runs, and what is kept of those that a later verb runs.

use super::interrupt::Interrupt;
use super::root::Entry;
use super::state::{State, Status};
use crate::error::{Doing, Error, Result};
use crate::init::HookStates;
use crate::link::{HookFailure, Step};
use crate::plan::{Hooks, Plan};
use crate::spec::OCI_VERSION;
use crate::sys::Errno;
use crate::sys::file::{self, OFlag};
use crate::sys::program::{self, Ended, How, Output, Program};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// runtime.md, "State": what a hook reads. The number of the process is last: init, which knows it
/// best, puts it there for its own hooks.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Seen<'a> {
    oci_version: &'static str,
    id: &'a str,
    status: Status,
    bundle: &'a Path,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
}

fn seen(state: &State, status: Status, pid: Option<i32>) -> Result<Vec<u8>> {
    let State { id, bundle, annotations, .. } = state;
    let seen = Seen { oci_version: OCI_VERSION, id, status, bundle, annotations, pid };
    serde_json::to_vec(&seen)
        .map_err(|error| Error::invalid("the state for hooks", id, error.to_string()))
}

/// What the hooks read that init runs, if there are any.
pub(super) fn states_for_init(plan: &Plan, state: &State) -> Result<HookStates> {
    let hooks = &plan.hooks;
    if hooks.create_container.is_empty() && hooks.start_container.is_empty() {
        return Ok(HookStates::default());
    }
    let open = |status| -> Result<Vec<u8>> {
        let mut text = seen(state, status, None)?;
        text.pop();
        text.extend_from_slice(b",\"pid\":");
        Ok(text)
    };
    Ok(HookStates {
        create_container: open(Status::Creating)?,
        start_container: open(Status::Created)?,
    })
}

/// The hooks of `create` that are run in the namespaces of the runtime.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfCreate<'a> {
    pub(super) hooks: &'a Hooks,
    pub(super) state: &'a State,
}

impl OfCreate<'_> {
    /// `pid` is the first process, which has its namespaces and its mounts, and waits.
    pub(super) fn run(&self, pid: i32, interrupt: &Interrupt) -> Result<()> {
        let input = seen(self.state, Status::Creating, Some(pid))?;
        let (bundle, output) = (&self.state.bundle, &self.hooks.output);
        let hooks = Run { bundle, input: &input, interrupt: Some(interrupt), output };
        hooks.all("prestart", &self.hooks.prestart)?;
        hooks.all("createRuntime", &self.hooks.create_runtime)
    }
}

/// What hooks are run with.
struct Run<'a> {
    bundle: &'a Path,
    input: &'a [u8],
    interrupt: Option<&'a Interrupt>,
    output: &'a Output,
}

impl Run<'_> {
    /// Runs one after the other; the first that fails is the last.
    fn all(&self, kind: &str, hooks: &[Program]) -> Result<()> {
        hooks.iter().enumerate().try_for_each(|(at, hook)| self.one(kind, at, hook))
    }

    fn one(&self, kind: &str, at: usize, hook: &Program) -> Result<()> {
        let doing = || name(kind, at, hook);
        let stdin = program::input(&[self.input]).doing(doing)?;
        let cwd = self.directory().doing(doing)?;
        let abandon = self.interrupt.map(AsFd::as_fd);
        let cwd = Some(cwd.as_fd());
        let ended = program::run(hook, stdin.as_fd(), cwd, abandon, self.output).doing(doing)?;
        outcome(doing, &ended)
    }

    /// The bundle; when that is gone by the time of `delete`, any directory.
    fn directory(&self) -> crate::sys::Result<OwnedFd> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        let bundle = CString::new(self.bundle.as_os_str().as_bytes()).unwrap_or_default();
        file::open(&bundle, flags).or_else(|_| file::open(c"/", flags))
    }
}

fn name(kind: &str, at: usize, hook: &Program) -> String {
    format!("hooks.{kind}[{at}]: {:?}", hook.path)
}

fn outcome(name: impl FnOnce() -> String, ended: &Ended) -> Result<()> {
    match ended.how {
        How::Exited(0) => Ok(()),
        How::Exited(_) | How::Killed(_) => Err(Error::Hook(format!("{}: {ended}", name()))),
        How::TimedOut => Err(Error::Timeout(format!("{}: {ended}", name()))),
        How::Abandoned => Err(Error::Interrupted(format!("{}: {ended}", name()))),
    }
}

/// What init says of a hook that it ran.
pub(super) fn explain(hooks: Option<&Hooks>, failure: &HookFailure) -> Error {
    let (kind, list) = match failure.step {
        Step::StartContainer => ("startContainer", hooks.map(|hooks| &hooks.start_container)),
        _ => ("createContainer", hooks.map(|hooks| &hooks.create_container)),
    };
    let at = usize::from(failure.item);
    let hook = list.and_then(|list| list.get(at));
    let name = || hook.map_or_else(|| format!("hooks.{kind}[{at}]"), |hook| name(kind, at, hook));
    match outcome(name, &failure.ended) {
        Err(error) => error,
        Ok(()) => Error::Hook(format!("hooks.{kind}[{at}]: failed")),
    }
}

/// The hooks that `create` has kept for later, if there are any.
pub(super) fn kept(entry: &Entry, state: &State) -> Result<Option<Hooks>> {
    if !state.has_hooks {
        return Ok(None);
    }
    match entry.read_hooks() {
        // A creator that was killed before it came so far has run none of them.
        Err(Error::Kernel { source, .. }) if source.errno() == Errno::ENOENT => Ok(None),
        read => Hooks::kept(&read?, &state.annotations).map(Some),
    }
}

/// Runs the hooks that follow the execution of the program.
pub(super) fn poststart(hooks: &Hooks, state: &State) -> Result<()> {
    let pid = state.init.as_ref().map(|init| init.pid);
    let input = seen(state, Status::Running, pid)?;
    let run = Run { bundle: &state.bundle, input: &input, interrupt: None, output: &hooks.output };
    run.all("poststart", &hooks.poststart)
}

/// Runs the hooks that follow the end of a container, all of them, whatever becomes of the others.
/// Answers with what went wrong, which changes nothing (runtime.md, "Lifecycle").
///
/// A crash before the container's directory is gone makes the next `delete` run them again: what
/// they undo may not be undone yet.
pub(super) fn poststop(entry: &Entry, state: &State) -> Vec<String> {
    let run = || -> Result<Vec<String>> {
        let Some(hooks) = kept(entry, state)? else { return Ok(Vec::new()) };
        let input = seen(state, Status::Stopped, None)?;
        let output = &hooks.output;
        let run = Run { bundle: &state.bundle, input: &input, interrupt: None, output };
        let each = hooks.poststop.iter().enumerate();
        let failed = each.filter_map(|(at, hook)| run.one("poststop", at, hook).err());
        Ok(failed.map(|error| in_full(&error)).collect())
    };
    run().unwrap_or_else(|error| vec![in_full(&error)])
}

fn in_full(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Lets the hooks run that follow the end of a container if that is never created: dropped, it runs
/// them. To be made before what they must find gone.
#[derive(Debug)]
#[must_use]
pub(super) struct Poststop<'a> {
    entry: &'a Entry,
    /// `None` once the container exists, or if there are none.
    state: Option<State>,
}

impl<'a> Poststop<'a> {
    /// Keeps the hooks of later verbs in the container's directory.
    pub(super) fn keep(entry: &'a Entry, state: &State, hooks: Option<&[u8]>) -> Result<Self> {
        if let Some(hooks) = hooks {
            entry.write_hooks(hooks)?;
        }
        Ok(Self { entry, state: hooks.map(|_| state.clone()) })
    }

    pub(super) fn disarm(mut self) {
        self.state = None;
    }
}

impl Drop for Poststop<'_> {
    fn drop(&mut self) {
        if let Some(state) = &self.state {
            // What ended the creation is what its caller hears of.
            let _warnings = poststop(self.entry, state);
        }
    }
}
