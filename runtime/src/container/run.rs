//! Runs a container from its creation to its end.

use super::console::Detach;
use super::create::{Create, Created, Up, create_for};
use super::delete::{Force, delete};
use super::foreground;
use super::interrupt::Interrupt;
use super::notify::Notify;
use super::root::Root;
use super::start::begin;
use super::trace::phase;
use crate::error::{Doing, Error, Result};
use crate::sys::Errno;
use crate::sys::process::{self, Child};
use crate::sys::signal::Signals;
use std::os::fd::{AsFd, OwnedFd};

/// What `run` is asked for.
#[derive(Debug)]
pub struct Run<'a> {
    /// The container.
    pub create: Create<'a>,
    /// Whether its end is waited for.
    pub detach: Detach,
    /// Whether it is still there when it has ended.
    pub keep: bool,
    /// Whether orphans of it are left to whoever else reaps them.
    pub no_subreaper: bool,
}

/// A container that runs, and is removed when it has ended.
#[derive(Debug)]
#[must_use]
pub struct Running<'a> {
    /// What it could not be given.
    pub warnings: Vec<String>,
    terminal: Option<OwnedFd>,
    /// `None` if its end is not waited for.
    signals: Option<Signals>,
    /// Where it tells that it is ready.
    notify: Option<Notify>,
    removal: Removal<'a>,
}

/// Creates a container and starts it. What remains to be done is [`Running::wait`].
///
/// # Errors
///
/// Every error of this library; whichever it is, nothing of the container is left.
pub fn run<'a>(root: &'a Root, request: &'a Run<'a>) -> Result<Running<'a>> {
    let doing = || "run".to_owned();
    let id = request.create.id;
    // Until the signals are the program's they are this process's, without a gap.
    let interrupt = Interrupt::catch()?;
    if request.detach == Detach::No && !request.no_subreaper {
        process::set_child_subreaper().doing(doing)?;
    }
    let Created { up: Up { child, terminal }, warnings } =
        create_for(root, &request.create, request.detach)?;
    let mut removal = Removal { root, id: Some(id), child };
    let mut signals = foreground::signals(request.detach)?;
    interrupt.make_sure_none_came()?;
    interrupt.end(signals.as_mut());
    phase("start: from the gate to exec");
    let mut notify = begin(root, id)?;
    if request.detach == Detach::Yes
        && let Some(notify) = notify.take()
    {
        notify.wait()?;
    }
    phase("program");
    if request.keep || request.detach == Detach::Yes {
        removal.id = None;
    }
    Ok(Running { warnings, terminal, signals, notify, removal })
}

impl<'a> Running<'a> {
    /// A container that was brought back, with its terminal and what reaches this process.
    pub(super) fn of(
        (root, id): (&'a Root, &'a str),
        child: Child,
        terminal: Option<OwnedFd>,
        signals: Option<Signals>,
        warnings: Vec<String>,
    ) -> Self {
        let id = signals.is_some().then_some(id);
        let removal = Removal { root, id, child };
        Self { warnings, terminal, signals, notify: None, removal }
    }

    /// Waits for the end of its first process and removes the container; answers with the exit
    /// code, 128 and the signal if one has ended it, 0 if it is not waited for; and with what hooks
    /// complain of.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if processes are left that cannot be ended.
    pub fn wait(self) -> Result<(u8, Vec<String>)> {
        let Self { terminal, signals, mut removal, notify, .. } = self;
        let Some(signals) = signals else { return Ok((0, Vec::new())) };
        let code = foreground::wait(&removal.child, &signals, terminal, notify)?;
        phase("delete");
        let complaints = removal.now()?;
        foreground::reap(&signals)?;
        Ok((code, complaints))
    }
}

/// Removes a container, at the latest when this is dropped.
#[derive(Debug)]
struct Removal<'a> {
    root: &'a Root,
    /// `None` if it stays.
    id: Option<&'a str>,
    /// Its first process, which is this one's to reap.
    child: Child,
}

impl Removal<'_> {
    fn now(&mut self) -> Result<Vec<String>> {
        let Some(id) = self.id.take() else { return Ok(Vec::new()) };
        let complaints = delete(self.root, id, Force::Yes)?;
        // It may have been reaped already.
        let _ = process::wait(self.child.as_fd());
        Ok(complaints)
    }
}

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        // What cannot be removed now, `delete --force` finds.
        let _result = self.now();
    }
}

/// The exit code of a `run` that failed, as shells have it: 127 if there is no such program, 126 if
/// it cannot be executed, else 1.
#[must_use]
pub fn exit_code_of(error: &Error) -> u8 {
    const NOT_FOUND: u8 = 127;
    const NOT_EXECUTABLE: u8 = 126;
    match error {
        Error::Init { source: Some(source), .. } if source.call() == "execve" => {
            if source.errno() == Errno::ENOENT { NOT_FOUND } else { NOT_EXECUTABLE }
        }
        _ => 1,
    }
}
