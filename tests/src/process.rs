//! Processes: waited for and reaped one by one, and looked at through procfs.
#![allow(unsafe_code, reason = "nix has no pidfd_open")]

use crate::wait::{DEADLINE, readable};
use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

/// How long a process may take to end that is about to.
const PATIENCE: Duration = Duration::from_secs(5);

/// The namespaces of a process, as `/proc/PID/ns` names them.
pub const NAMESPACES: [&str; 6] = ["cgroup", "ipc", "mnt", "net", "pid", "uts"];

/// A process by its pidfd.
#[derive(Debug)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    fd: OwnedFd,
}

impl Process {
    /// # Errors
    ///
    /// When there is no process of that number.
    pub fn open(pid: i32) -> Result<Self> {
        // SAFETY: it takes two integers, and touches no memory of ours.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let fd = Errno::result(fd).with_context(|| format!("process {pid}"))?;
        let fd = RawFd::try_from(fd)?;
        // SAFETY: pidfd_open returned a new descriptor, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { pid, fd })
    }

    /// Whether it ends within that time.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub fn ends_within(&self, time: Duration) -> Result<bool> {
        readable(self, time)
    }

    /// Waits for its end. It must be a child of this process, as every orphaned container is.
    ///
    /// # Errors
    ///
    /// When it has not ended by the deadline, or was reaped before.
    pub fn wait(&self) -> Result<WaitStatus> {
        ensure!(self.ends_within(DEADLINE)?, "process {} has not ended", self.pid);
        self.reap()
    }

    fn reap(&self) -> Result<WaitStatus> {
        waitid(Id::PIDFd(self.as_fd()), WaitPidFlag::WEXITED)
            .with_context(|| format!("waiting for process {}", self.pid))
    }

    /// A line of `/proc/PID/status`.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn field(&self, name: &str) -> Result<String> {
        field_of(&fs::read_to_string(format!("/proc/{}/status", self.pid))?, name)
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Reaps processes as they end. A dead PID 1 can only be waited for when all in its namespace have
/// been, so the order is theirs.
pub(crate) fn reap_all(processes: &[Arc<Process>]) -> Result<()> {
    let mut left: Vec<_> = processes.iter().collect();
    while !left.is_empty() {
        let mut polled: Vec<_> =
            left.iter().map(|one| PollFd::new(one.as_fd(), PollFlags::POLLIN)).collect();
        if poll(&mut polled, PollTimeout::try_from(PATIENCE)?)? == 0 {
            bail!("processes {:?} do not end", left.iter().map(|one| one.pid).collect::<Vec<_>>());
        }
        let ended: Vec<_> = polled.iter().map(|one| one.any().unwrap_or(false)).collect();
        let mut ended = ended.into_iter();
        left.retain(|process| {
            let has_ended = ended.next().unwrap_or(false);
            if has_ended {
                // ECHILD: the test has waited for it.
                drop(process.reap());
            }
            !has_ended
        });
    }
    Ok(())
}

/// A line of a file like `/proc/PID/status`: what follows `name:`.
///
/// # Errors
///
/// When there is no such line.
pub fn field_of(status: &str, name: &str) -> Result<String> {
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(value.with_context(|| format!("no {name} in {status:?}"))?.trim().to_owned())
}

/// Which namespace a process is in: `net:[4026531840]`.
///
/// # Errors
///
/// When the process has ended.
pub fn namespace(pid: i32, kind: &str) -> Result<String> {
    let path = format!("/proc/{pid}/ns/{kind}");
    let target = fs::read_link(&path).with_context(|| path.clone())?;
    target.into_os_string().into_string().ok().context(path)
}

/// The numbers of all processes here.
pub(crate) fn all() -> Result<Vec<i32>> {
    let names =
        fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

/// The children of a process, dead ones included.
///
/// # Errors
///
/// When `/proc` cannot be read.
pub fn children(parent: i32) -> Result<Vec<i32>> {
    let is_child = |pid: &i32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        field_of(&status, "PPid").is_ok_and(|found| found == parent.to_string())
    };
    Ok(all()?.into_iter().filter(is_child).collect())
}
