//! A system call that fails: the operation succeeds as a whole, or takes back what it has done and
//! says why in one line.

use crate::operation::{Operation, Stage, walk};
use anyhow::{Result, ensure};
use nix::errno::Errno;
use std::os::unix::process::ExitStatusExt;
use tests::{Call, Fault, Traced};

/// No kernel lets these fail in such a way, and the standard library does not go on if they do.
const NEVER: [&str; 14] = [
    "rt_sigaction",
    "getrandom",
    "exit_group",
    "exit",
    "rt_sigreturn",
    "close",
    "gettid",
    "getpid",
    "getppid",
    "umask",
    "set_tid_address",
    "arch_prctl",
    "rseq",
    "set_robust_list",
];

/// Whether the call is one of those, or that by which the standard library looks at descriptors 0
/// to 2 before `main`.
fn never_fails(call: &Call) -> bool {
    NEVER.contains(&call.name) || (call.name == "poll" && call.arguments[1] == 3)
}

/// What the allocator asks for. Without memory of its own the program aborts, which is a crash.
const MEMORY: [&str; 5] = ["brk", "mmap", "munmap", "mremap", "mprotect"];

fn each_call_fails(operation: Operation) -> Result<()> {
    for errno in [Errno::ENOMEM, Errno::ENOSPC, Errno::EMFILE] {
        let stage = Stage::new(operation)?;
        walk(
            &stage,
            |number, call| {
                (!never_fails(call)).then_some(Fault::Fail(number, errno))
            },
            |fault, traced| {
                let call = traced.call(fault).cloned();
                let Some(call) = call else { return Ok(()) };
                is_all_or_nothing(&stage, &call, traced)?;
                stage.clear()
            },
        )?;
    }
    Ok(())
}

fn is_all_or_nothing(stage: &Stage, call: &Call, traced: Traced) -> Result<()> {
    let output = traced.output;
    if output.status.success() {
        return ensure_done(stage);
    }
    if MEMORY.contains(&call.name) {
        return Ok(());
    }
    ensure!(output.status.signal().is_none(), "it has crashed");
    output.refused()?;
    if stage.creates() {
        ensure!(stage.status()?.is_none(), "something is left");
    }
    Ok(())
}

fn ensure_done(stage: &Stage) -> Result<()> {
    let status = stage.status()?;
    if stage.creates() {
        ensure!(status.is_some(), "success, and nothing there");
    }
    Ok(())
}

#[test]
fn create_succeeds_or_leaves_nothing() -> Result<()> {
    each_call_fails(Operation::Create)
}

#[test]
fn create_in_a_sandbox_succeeds_or_leaves_nothing() -> Result<()> {
    each_call_fails(Operation::CreateInSandbox)
}

#[test]
fn sandbox_create_succeeds_or_leaves_nothing() -> Result<()> {
    each_call_fails(Operation::SandboxCreate)
}

#[test]
fn start_succeeds_or_changes_nothing() -> Result<()> {
    each_call_fails(Operation::Start)
}

#[test]
fn kill_and_stop_succeed_or_can_be_repeated() -> Result<()> {
    each_call_fails(Operation::Kill)?;
    each_call_fails(Operation::Stop)
}

#[test]
fn delete_succeeds_or_can_be_repeated() -> Result<()> {
    each_call_fails(Operation::Delete)
}

#[test]
fn sandbox_stop_and_delete_succeed_or_can_be_repeated() -> Result<()> {
    each_call_fails(Operation::SandboxStop)?;
    each_call_fails(Operation::SandboxDelete)
}
