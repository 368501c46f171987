//! Running `peapod` one system call at a time, by ptrace(2): each call of its processes is counted,
//! and at any of them the caller, or the program itself, can be killed, or the call made to fail.
//!
//! A process is followed until it executes another program than the runtime: what a container does
//! is its own business.

mod names;
mod tracee;

use crate::process::Process;
use crate::run::{Output, Running};
use crate::wait::{DEADLINE, readable};
use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fmt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use tracee::Tracer;

/// What is done to a traced program. Calls are counted from 1, over all of its processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is only looked at.
    None,
    /// Whoever makes the call of that number is killed before the call is made.
    KillCaller(usize),
    /// The program that was run is killed before the call of that number, whoever makes it.
    KillProgram(usize),
    /// The call of that number is not made, and fails.
    Fail(usize, Errno),
}

impl Fault {
    fn number(self) -> Option<usize> {
        match self {
            Self::None => None,
            Self::KillCaller(number) | Self::KillProgram(number) | Self::Fail(number, _) => {
                Some(number)
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no fault"),
            Self::KillCaller(number) => write!(f, "its caller killed at call {number}"),
            Self::KillProgram(number) => write!(f, "the program killed at call {number}"),
            Self::Fail(number, error) => write!(f, "{error:?} from call {number}"),
        }
    }
}

/// A system call that was about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// 0 for the program, 1 for the first process that it cloned, and so on.
    pub process: usize,
    /// Its name.
    pub name: &'static str,
    /// As the kernel was given them.
    pub arguments: [u64; 6],
}

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

impl Call {
    /// Whether the call is one of those, or that by which the standard library looks at descriptors
    /// 0 to 2 before `main`.
    #[must_use]
    pub fn never_fails(&self) -> bool {
        NEVER.contains(&self.name) || (self.name == "poll" && self.arguments[1] == 3)
    }

    /// Whether a process makes it that waits at its gate, or is about to: its creator has said
    /// that it exists.
    #[must_use]
    pub fn is_at_the_gate(&self) -> bool {
        self.process > 0 && ["recvfrom", "accept4", "dup3"].contains(&self.name)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of process {}", self.name, self.process)
    }
}

/// What came of a traced run.
#[derive(Debug)]
pub struct Traced {
    /// What the program has left behind.
    pub output: Output,
    /// All calls, in their order.
    pub calls: Vec<Call>,
    /// The processes that live on.
    pub alive: Vec<i32>,
    /// Those that have ended, and that the program has left to others to be reaped.
    pub unreaped: Vec<i32>,
}

impl Traced {
    /// The call that the fault was for.
    #[must_use]
    pub fn call(&self, fault: Fault) -> Option<&Call> {
        self.calls.get(fault.number()?.checked_sub(1)?)
    }

    /// How many processes made system calls.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.calls.iter().map(|call| call.process + 1).max().unwrap_or(0)
    }
}

/// Lets a command be traced by the thread that starts it.
#[allow(unsafe_code, reason = "only a process itself can ask its parent to trace it")]
pub(crate) fn allow(command: &mut Command) {
    // SAFETY: ptrace is a system call, and touches no memory of ours.
    unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) };
}

/// Runs what `start` starts, by a command that may be traced ([`allow`]), to its end.
/// `beside` is a process that is traced as well, as one of the program's.
pub(crate) fn run(
    start: impl FnOnce() -> Result<Running> + Send,
    beside: Option<i32>,
    fault: Fault,
) -> Result<Traced> {
    // The tracer is a thread, whose end lets go of every process that still is traced.
    let (stop, stopped) = UnixStream::pair()?;
    let traced = Mutex::new(Vec::new());
    let outcome = thread::scope(|scope| {
        let watch = scope.spawn(|| end_at_deadline(&stopped, &traced));
        let tracer = scope.spawn(|| -> Result<_> {
            let running = start()?;
            let ended = Tracer::new(&running, fault, &traced).run(beside)?;
            Ok((running, ended))
        });
        let outcome = tracer.join().map_err(|_| anyhow::anyhow!("the tracer has panicked"));
        drop(stop);
        let in_time = watch.join().map_err(|_| anyhow::anyhow!("the watch has panicked"))??;
        outcome?.map(|ended| (in_time, ended))
    });
    let (in_time, (running, ended)) = outcome?;
    let output = running.finish_as(ended.status)?;
    let traced =
        Traced { output, calls: ended.calls, alive: ended.alive, unreaped: ended.unreaped };
    let last: Vec<_> = traced.calls.iter().rev().take(8).map(Call::to_string).collect();
    let call = traced.call(fault);
    ensure!(in_time, "no end after {DEADLINE:?}, with {fault}, {call:?}; the last: {last:?}");
    Ok(traced)
}

/// Kills everything that is traced at the deadline, unless the trace has ended before.
fn end_at_deadline(stopped: &UnixStream, traced: &Mutex<Vec<i32>>) -> Result<bool> {
    if readable(stopped, DEADLINE)? {
        return Ok(true);
    }
    for pid in traced.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        kill(Pid::from_raw(*pid), Signal::SIGKILL).or_else(|error| match error {
            Errno::ESRCH => Ok(()),
            error => Err(error),
        })?;
    }
    Ok(false)
}

/// Opens those of the processes that are still there.
pub(crate) fn open_alive(pids: &[i32]) -> Result<Vec<Process>> {
    let mut open = Vec::new();
    for pid in pids {
        match Process::open(*pid) {
            Err(error) if error.downcast_ref() == Some(&Errno::ESRCH) => {}
            opened => open.push(opened.context("a traced process")?),
        }
    }
    Ok(open)
}
