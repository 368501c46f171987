//! What only the parent can give to init: it has the host's privileges, init may not have
//! them any more.

use crate::cgroup::NewCgroup;
use crate::error::{Doing, Error, Result};
use crate::plan::{Executable, Plan, Schedule};
use crate::sys::file::{self, OFlag};
use crate::sys::identity::{self, Limit};
use crate::sys::schedule::{self, Bits};
use crate::sys::{self, Errno};
use std::ffi::CString;
use std::os::fd::AsFd;

/// Sets when and where init runs, and with it what it will execute. By this process, since a user
/// namespace takes the privilege from init that some of it needs.
pub(super) fn schedule(plan: &Plan, pid: i32) -> Result<()> {
    let Schedule { scheduler, io_priority, processors } = &plan.process.schedule;
    match schedule::sched_setaffinity(pid, &processors.last) {
        // Nobody has asked for it.
        Err(error) if is_denied(&error) && processors.last == Bits::ALL => {}
        set => set.doing(|| "process.execCPUAffinity.final".to_owned())?,
    }
    if let Some(attributes) = scheduler {
        let doing = || "process.scheduler".to_owned();
        schedule::sched_setattr(pid, attributes).doing(doing)?;
    }
    if let Some(priority) = io_priority {
        let doing = || "process.ioPriority".to_owned();
        schedule::ioprio_set(pid, *priority).doing(doing)?;
    }
    Ok(())
}

/// Lets this process, and so what it clones, run where the process is to begin that is added to a
/// container.
pub(super) fn initial_processors(plan: &Plan) -> Result<()> {
    let Some(initial) = &plan.process.schedule.processors.initial else { return Ok(()) };
    let doing = || "process.execCPUAffinity.initial".to_owned();
    schedule::sched_setaffinity(0, initial).doing(doing)
}

/// Raises the limits that init has inherited from this process where the plan has them higher; init
/// itself lowers them, last of all.
pub(super) fn limits(plan: &Plan, pid: i32) -> Result<()> {
    for resource in &plan.process.limits {
        let wanted = resource.limit;
        let doing =
            || format!("process.rlimits: {}: {}:{}", resource.name, wanted.soft, wanted.hard);
        let has = identity::prlimit(0, resource.number, None).doing(doing)?;
        if wanted.hard > has.hard {
            let raised = Limit { soft: has.soft, hard: wanted.hard };
            identity::prlimit(pid, resource.number, Some(&raised)).doing(doing)?;
        }
    }
    Ok(())
}

/// Lifts the limit of pending signals of pause, as far as this process may: a user with too many of
/// them can forge a SIGTERM.
pub(super) fn pending_signals(plan: &Plan, pid: i32) -> Result<()> {
    if !matches!(plan.process.executable, Executable::Pause) {
        return Ok(());
    }
    let none = Limit { soft: identity::UNLIMITED, hard: identity::UNLIMITED };
    match identity::prlimit(pid, identity::SIGPENDING, Some(&none)) {
        Err(error) if is_denied(&error) => Ok(()),
        lifted => lifted.doing(|| "RLIMIT_SIGPENDING of pause".to_owned()).map(drop),
    }
}

/// Sets how soon the kernel kills init for want of memory, and with it what it will execute.
///
/// For pause it is a wish: without `CAP_SYS_RESOURCE` the value cannot go below that
/// of this process.
pub(super) fn oom_score(plan: &Plan, pid: i32) -> Result<()> {
    let Some(score) = plan.process.oom_score_adj else { return Ok(()) };
    match write_oom_score(pid, score) {
        Err(error) if is_denied(&error) && matches!(plan.process.executable, Executable::Pause) => {
            Ok(())
        }
        written => written.doing(|| format!("process.oomScoreAdj: {score}")),
    }
}

/// Whether pause may have the score that it should have.
pub(crate) fn oom_score_of(pid: i32) -> Option<i32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).ok()?;
    text.trim().parse().ok()
}

fn write_oom_score(pid: i32, score: i32) -> sys::Result<()> {
    let path = CString::new(format!("/proc/{pid}/oom_score_adj")).unwrap_or_default();
    let file = file::open(&path, OFlag::O_WRONLY)?;
    file::write(file.as_fd(), score.to_string().as_bytes())
}

fn is_denied(error: &sys::Error) -> bool {
    matches!(error.errno(), Errno::EACCES | Errno::EPERM)
}

/// If the kernel has killed init for want of memory, that is why anything else failed.
pub(super) fn blame_memory(error: Error, cgroup: &NewCgroup) -> Error {
    if cgroup.oom_kills().is_ok_and(|kills| kills > 0) {
        let reason = "container init was OOM-killed (memory limit too low?)";
        return Error::init_ended(reason);
    }
    error
}
