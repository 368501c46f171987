//! A system call that fails: the operation succeeds as a whole, or takes back what it has done and
//! says why in one line.

use crate::operation::{Operation, Stage, walk};
use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use std::os::unix::process::ExitStatusExt;
use tests::{Call, Fault, Traced};

/// What the allocator asks for. Without memory of its own the program aborts, which is a crash.
const MEMORY: [&str; 5] = ["brk", "mmap", "munmap", "mremap", "mprotect"];

fn each_call_fails(operation: Operation) -> Result<()> {
    for errno in [Errno::ENOMEM, Errno::ENOSPC, Errno::EMFILE] {
        let stage = Stage::new(operation)?;
        walk(
            &stage,
            |number, call| (!call.never_fails()).then_some(Fault::Fail(number, errno)),
            |fault, traced| {
                let call = traced.call(fault).cloned();
                let Some(call) = call else { return stage.clear() };
                is_all_or_nothing(&stage, &call, traced)?;
                stage.clear()
            },
        )?;
    }
    Ok(())
}

fn is_all_or_nothing(stage: &Stage, call: &Call, traced: Traced) -> Result<()> {
    let mut output = traced.output;
    if output.status.success() {
        if stage.creates() && call.is_at_the_gate() && stage.status()?.as_deref() == Some("stopped")
        {
            return start_says_so(stage);
        }
        return has_status(stage, stage.status_after());
    }
    // Nothing can be reaped when that very call fails.
    let is_reaped = call.name == "waitid" || traced.unreaped.is_empty();
    ensure!(is_reaped, "not reaped: {:?}", traced.unreaped);
    if MEMORY.contains(&call.name) {
        return Ok(());
    }
    ensure!(output.status.signal().is_none(), "it has crashed");
    let is_warning = |line: &&str| line.starts_with("peapod: warning: ");
    output.stderr = output.stderr.split_inclusive('\n').skip_while(is_warning).collect::<String>();
    // As other runtimes: what a program hardly ends with itself, and what a shell says.
    let code = output.status.code().filter(|code| [1, 126, 127, 255].contains(code));
    output.refused_with(code.context("its exit code")?)?;
    if call.name == "recvmsg" && call.process == 0 && stage.operation == Operation::Start {
        // The answer to a Go that was sent: whether it runs is for `state` to say.
        return Ok(());
    }
    stage.status_before().map_or(Ok(()), |status| has_status(stage, status))
}

/// Init has failed after its creator had said that it exists: nobody was left to tell.
fn start_says_so(stage: &Stage) -> Result<()> {
    let message = stage.root.run(&["start", &stage.id])?.refused()?;
    let is_clear = message.starts_with("cannot start a container that has stopped")
        || message.starts_with("container init ended");
    ensure!(is_clear, "{message}");
    Ok(())
}

fn has_status(stage: &Stage, expected: Option<&str>) -> Result<()> {
    // A process that was sent SIGKILL has not ended yet.
    let status = stage.status_once_settled(expected)?;
    ensure!(status.as_deref() == expected, "the status is {status:?}, not {expected:?}");
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
fn start_says_why_init_cannot_execute() -> Result<()> {
    each_call_fails(Operation::StartWithInit)
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

#[test]
fn exec_succeeds_or_adds_nothing() -> Result<()> {
    each_call_fails(Operation::Exec)
}

#[test]
fn run_succeeds_or_leaves_nothing() -> Result<()> {
    each_call_fails(Operation::Run)
}
