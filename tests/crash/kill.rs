//! SIGKILL at each system call: after one `delete --force` nothing is left, and the same can be
//! done again.

use crate::operation::{Operation, Stage, walk};
use anyhow::Result;
use tests::{Fault, Traced};

/// The program itself is killed, whoever makes the call: what it has cloned goes on, for a while.
fn the_program_killed(operation: Operation) -> Result<()> {
    let stage = Stage::new(operation)?;
    let mut count = 0;
    walk(
        &stage,
        |number, _| Some(Fault::KillProgram(number)),
        |_, traced| {
            count += 1;
            is_cleared(&stage, traced, count % 8 == 0)
        },
    )
}

/// Whoever makes the call is killed.
fn the_caller_killed(operation: Operation) -> Result<()> {
    let stage = Stage::new(operation)?;
    let mut count = 0;
    walk(
        &stage,
        |number, _| Some(Fault::KillCaller(number)),
        |fault, traced| {
            count += 1;
            let is_of_program = traced.call(fault).is_none_or(|call| call.process == 0);
            if is_of_program || !stage.creates() || traced.output.status.success() {
                return is_cleared(&stage, traced, count % 8 == 0);
            }
            // It was a process that the program had cloned: it says so, and takes everything back.
            anyhow::ensure!(traced.unreaped.is_empty(), "not reaped: {:?}", traced.unreaped);
            traced.output.refused()?;
            anyhow::ensure!(stage.status()?.is_none(), "it is still there");
            stage.clear()
        },
    )
}

fn is_cleared(stage: &Stage, _: Traced, again: bool) -> Result<()> {
    stage.clear()?;
    if again { stage.works_again() } else { Ok(()) }
}

#[test]
fn create_killed_leaves_what_delete_removes() -> Result<()> {
    the_program_killed(Operation::Create)
}

#[test]
fn create_in_a_sandbox_killed_leaves_what_delete_removes() -> Result<()> {
    the_program_killed(Operation::CreateInSandbox)
}

#[test]
fn init_killed_half_way_leaves_nothing() -> Result<()> {
    the_caller_killed(Operation::Create)
}

#[test]
fn builder_and_init_killed_half_way_leave_nothing() -> Result<()> {
    the_caller_killed(Operation::CreateInSandbox)
}

#[test]
fn start_killed_leaves_what_delete_removes() -> Result<()> {
    the_program_killed(Operation::Start)
}

#[test]
fn init_killed_on_its_way_to_exec_leaves_what_delete_removes() -> Result<()> {
    the_caller_killed(Operation::StartWithInit)
}

#[test]
fn exec_killed_leaves_what_delete_removes() -> Result<()> {
    the_program_killed(Operation::Exec)
}

#[test]
fn what_exec_adds_killed_leaves_what_delete_removes() -> Result<()> {
    the_caller_killed(Operation::Exec)
}

#[test]
fn run_killed_leaves_what_delete_removes() -> Result<()> {
    the_program_killed(Operation::Run)
}

#[test]
fn kill_and_stop_killed_leave_what_delete_removes() -> Result<()> {
    the_program_killed(Operation::Kill)?;
    the_program_killed(Operation::Stop)
}

#[test]
fn delete_killed_leaves_what_delete_removes() -> Result<()> {
    the_program_killed(Operation::Delete)
}

#[test]
fn sandbox_create_killed_leaves_what_delete_removes() -> Result<()> {
    the_program_killed(Operation::SandboxCreate)
}

#[test]
fn pause_killed_half_way_leaves_nothing() -> Result<()> {
    the_caller_killed(Operation::SandboxCreate)
}

#[test]
fn sandbox_stop_and_delete_killed_leave_what_delete_removes() -> Result<()> {
    the_program_killed(Operation::SandboxStop)?;
    the_program_killed(Operation::SandboxDelete)
}
