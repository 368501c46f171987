//! Hooks: those that the parent runs are waited for, those of the container's namespaces are run
//! here.

use super::Init;
use crate::link::{HookFailure, ToParent};
use crate::sys::Result;
use crate::sys::process::{exit_now, this_pid};
use crate::sys::program::{self, How, Output, Program};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};

/// What the hooks of the container's namespaces read: the state of the container up to the number
/// of its process, which is the last of it and is known only here (runtime.md, "State": as the
/// container sees it).
#[derive(Debug, Default)]
pub(crate) struct HookStates {
    pub(crate) create_container: Vec<u8>,
    pub(crate) start_container: Vec<u8>,
}

/// Lets the parent run its own, if there are any that must run now.
pub(super) fn of_the_parent(init: &Init<'_>) -> Result<()> {
    if !init.plan.hooks.run_before_pivot() {
        return Ok(());
    }
    ToParent::Hooks.send(init.link.as_fd())?;
    init.wait_for_parent()
}

/// With the root attached at its place in the host's tree, as those hooks expect it.
pub(super) fn create_container(init: &Init<'_>) -> Result<()> {
    let state = &init.sources.hook_states.create_container;
    // The end of the parent ends the hook.
    let link = Some(init.link.as_fd());
    let hooks = &init.plan.hooks;
    run(init, (&hooks.create_container, &hooks.output), state, (Some(init.root()), link))
}

/// By the user of the container, with what that may do, in its directory: these programs are the
/// container's own.
pub(super) fn start_container(init: &Init<'_>) -> Result<()> {
    let state = &init.sources.hook_states.start_container;
    // A file of the host is not for them.
    run(init, (&init.plan.hooks.start_container, &Output::default()), state, (None, None))
}

fn run(
    init: &Init<'_>,
    (hooks, output): (&[Program], &Output),
    state: &[u8],
    (cwd, abandon): (Option<BorrowedFd<'_>>, Option<BorrowedFd<'_>>),
) -> Result<()> {
    if hooks.is_empty() {
        return Ok(());
    }
    let mut buffer = [0; 16];
    let mut rest = buffer.as_mut_slice();
    // Eleven bytes at most.
    let _fits = write!(rest, "{}}}", this_pid());
    let len = 16 - rest.len();
    let pid = &buffer[..len];
    init.each(hooks, |number, hook| {
        let stdin = program::input(&[state, pid])?;
        let ended = program::run(hook, stdin.as_fd(), cwd, abandon, output)?;
        // Children that it has left behind are this process's now, if it is PID 1.
        program::reap_orphans();
        if ended.how == How::Exited(0) {
            return Ok(());
        }
        let item = u16::try_from(number).unwrap_or(u16::MAX);
        let failure = HookFailure { step: init.step.get(), item, ended };
        let _ = ToParent::HookFailed(failure).send(init.link.as_fd());
        exit_now(1)
    })
}
