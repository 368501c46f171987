//! The tracer itself: a loop around the stops of the traced processes.

use super::names::name_of;
use super::{Call, Fault};
use crate::run::Running;
use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};

/// Not among the constants of libc: the stop of a process that is attached to by `PTRACE_SEIZE`.
const PTRACE_EVENT_STOP: i32 = 128;

pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) calls: Vec<Call>,
    pub(super) alive: Vec<i32>,
    pub(super) unreaped: Vec<i32>,
}

/// A traced process.
#[derive(Debug, Clone, Copy)]
struct Tracee {
    number: usize,
    /// The call that it is in.
    within: Option<u64>,
    /// The call is to fail when it returns.
    fails: Option<Errno>,
}

pub(super) struct Tracer<'a> {
    program: Pid,
    fault: Fault,
    tracees: BTreeMap<Pid, Tracee>,
    known: usize,
    /// Those that have executed another program.
    detached: Vec<i32>,
    ended: Vec<Pid>,
    calls: Vec<Call>,
    status: Option<ExitStatus>,
    /// For whoever has to end them all.
    listed: &'a Mutex<Vec<i32>>,
}

impl<'a> Tracer<'a> {
    pub(super) fn new(running: &Running, fault: Fault, listed: &'a Mutex<Vec<i32>>) -> Self {
        Self {
            program: Pid::from_raw(running.process.pid),
            fault,
            tracees: BTreeMap::new(),
            known: 0,
            detached: Vec::new(),
            ended: Vec::new(),
            calls: Vec::new(),
            status: None,
            listed,
        }
    }

    /// Follows the program to its end, and what it has cloned until that ends, too, executes
    /// another program, or waits at its gate.
    pub(super) fn run(mut self, beside: Option<i32>) -> Result<Ended> {
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACEEXEC;
        self.add(self.program);
        let first = waitpid(self.program, Some(WaitPidFlag::__WALL))?;
        if !matches!(first, WaitStatus::Stopped(_, Signal::SIGTRAP)) {
            bail!("not stopped by its execution: {first:?}");
        }
        ptrace::setoptions(self.program, options)?;
        if let Some(pid) = beside.map(Pid::from_raw) {
            ptrace::seize(pid, options).with_context(|| format!("tracing {pid}"))?;
            self.add(pid);
            ptrace::interrupt(pid)?;
        }
        resume(self.program, None)?;
        while self.goes_on() {
            // Of this thread alone: other tests wait for theirs.
            let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
            match waitpid(None, Some(flags)) {
                Err(Errno::EINTR) => {}
                // Who is left ended while its parent waited for it.
                Err(Errno::ECHILD) if self.status.is_some() => break,
                status => self.serve(status?)?,
            }
        }
        let status = self.status.context("the program has not ended")?;
        let unreaped = self.reap_orphans();
        let alive = self.tracees.keys().map(|pid| pid.as_raw()).chain(self.detached).collect();
        Ok(Ended { status, calls: self.calls, alive, unreaped })
    }

    fn goes_on(&self) -> bool {
        let waits = |call: u64| name_of(call).starts_with("accept");
        self.status.is_none()
            || self.tracees.values().any(|tracee| !tracee.within.is_some_and(waits))
    }

    /// What was waited for as a tracer, while its parent lived, stays a zombie of that parent, and
    /// becomes one of ours when that ends.
    fn reap_orphans(&self) -> Vec<i32> {
        let reap = |pid: Pid| waitpid(pid, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL));
        // ECHILD: somebody has reaped it.
        let ended = self.ended.iter().filter(|pid| reap(**pid).is_ok());
        ended.map(|pid| pid.as_raw()).collect()
    }

    fn serve(&mut self, status: WaitStatus) -> Result<()> {
        match status {
            WaitStatus::Exited(pid, code) => self.ended(pid, code << 8),
            WaitStatus::Signaled(pid, signal, _) => self.ended(pid, signal as i32),
            WaitStatus::PtraceSyscall(pid) => return self.at_call(pid),
            WaitStatus::PtraceEvent(pid, _, libc::PTRACE_EVENT_EXEC) => {
                if self.has_become_another(pid)? {
                    self.detached.push(pid.as_raw());
                    self.forget(pid);
                    return no_longer_there(ptrace::detach(pid, None));
                }
                return resume(pid, None);
            }
            WaitStatus::PtraceEvent(pid, _, event) => {
                if event != PTRACE_EVENT_STOP {
                    self.add(Pid::from_raw(i32::try_from(ptrace::getevent(pid)?)?));
                }
                return resume(pid, None);
            }
            WaitStatus::Stopped(pid, Signal::SIGSTOP) => {
                // How a new process begins, which may be seen before its parent tells of it.
                self.add(pid);
                return resume(pid, None);
            }
            WaitStatus::Stopped(pid, signal) => return resume(pid, Some(signal)),
            WaitStatus::Continued(_) | WaitStatus::StillAlive => {}
        }
        Ok(())
    }

    /// The runtime executes itself again; whatever else it executes is not the runtime.
    fn has_become_another(&self, pid: Pid) -> Result<bool> {
        let name = std::fs::read(format!("/proc/{pid}/cmdline"))?;
        let argument = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let is_runtime = String::from_utf8_lossy(argument).contains("peapod");
        Ok(pid != self.program || !is_runtime)
    }

    fn at_call(&mut self, pid: Pid) -> Result<()> {
        let Some(mut tracee) = self.tracees.get(&pid).copied() else {
            return resume(pid, None);
        };
        match entered(pid)? {
            Some((call, arguments)) => {
                tracee.within = Some(call);
                let name = name_of(call);
                self.calls.push(Call { process: tracee.number, name, arguments });
                if self.fault.number() == Some(self.calls.len()) {
                    tracee.fails = self.strike(pid)?;
                }
            }
            None => {
                if let Some(errno) = tracee.fails.take() {
                    fail_call(pid, errno)?;
                }
                tracee.within = None;
            }
        }
        self.tracees.insert(pid, tracee);
        resume(pid, None)
    }

    /// Does to the caller, or to the program, what this trace is for; answers with the error that
    /// the call is to return.
    fn strike(&self, caller: Pid) -> Result<Option<Errno>> {
        match self.fault {
            Fault::None => {}
            Fault::KillCaller(_) => kill(caller, Signal::SIGKILL)?,
            // It may have ended before.
            Fault::KillProgram(_) => no_longer_there(kill(self.program, Signal::SIGKILL))?,
            Fault::Fail(_, errno) if !self.calls.last().is_some_and(Call::never_fails) => {
                skip_call(caller)?;
                return Ok(Some(errno));
            }
            Fault::Fail(..) => {}
        }
        Ok(None)
    }

    fn add(&mut self, pid: Pid) {
        if self.tracees.contains_key(&pid) {
            return;
        }
        let new = Tracee { number: self.known, within: None, fails: None };
        self.known += 1;
        self.tracees.insert(pid, new);
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).push(pid.as_raw());
    }

    fn forget(&mut self, pid: Pid) {
        self.tracees.remove(&pid);
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.retain(|other| *other != pid.as_raw());
    }

    fn ended(&mut self, pid: Pid, status: i32) {
        self.forget(pid);
        self.ended.push(pid);
        if pid == self.program {
            self.status = Some(ExitStatus::from_raw(status));
        }
    }
}

/// Lets a stopped process go on to its next stop. One that was killed meanwhile will be waited for.
fn resume(pid: Pid, signal: Option<Signal>) -> Result<()> {
    no_longer_there(ptrace::syscall(pid, signal))
}

fn no_longer_there(result: nix::Result<()>) -> Result<()> {
    match result {
        Err(Errno::ESRCH) => Ok(()),
        result => Ok(result?),
    }
}

/// The call that a process is about to make, or `None` when it returns from one.
fn entered(pid: Pid) -> Result<Option<(u64, [u64; 6])>> {
    match ptrace::syscall_info(pid) {
        Err(Errno::ESRCH) => Ok(None),
        info => Ok(entry(&info?)),
    }
}

#[allow(unsafe_code, reason = "the kernel answers with a union")]
fn entry(info: &libc::ptrace_syscall_info) -> Option<(u64, [u64; 6])> {
    // SAFETY: the kernel has filled in the variant that `op` names.
    let entry = || unsafe { info.u.entry };
    (info.op == libc::PTRACE_SYSCALL_INFO_ENTRY).then(|| (entry().nr, entry().args))
}

/// Makes the call that is about to be made none, which fails with `ENOSYS`.
#[cfg(target_arch = "x86_64")]
fn skip_call(pid: Pid) -> Result<()> {
    let mut registers = ptrace::getregs(pid)?;
    registers.orig_rax = u64::MAX;
    Ok(ptrace::setregs(pid, registers)?)
}

#[cfg(target_arch = "x86_64")]
fn fail_call(pid: Pid, errno: Errno) -> Result<()> {
    let mut registers = ptrace::getregs(pid)?;
    registers.rax = i64::from(-(errno as i32)).cast_unsigned();
    Ok(ptrace::setregs(pid, registers)?)
}

#[cfg(not(target_arch = "x86_64"))]
fn skip_call(_: Pid) -> Result<()> {
    bail!("system calls can be made to fail on x86_64 alone")
}

#[cfg(not(target_arch = "x86_64"))]
fn fail_call(_: Pid, _: Errno) -> Result<()> {
    Ok(())
}
