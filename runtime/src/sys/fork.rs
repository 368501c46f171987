//! Copies of this process that do what could block it, and what it has to know of its children.

use super::error::{Error, Result, explain};
use super::process::{self, Child};
use super::{file, signal, start};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::ForkResult;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// The first descriptor after stdio.
const FIRST: RawFd = 3;

/// Which of the two processes [`fork`] returned in.
#[derive(Debug)]
pub enum Forked {
    /// The one that has called it, with the new one.
    Parent(Process),
    /// The new one.
    Child,
}

/// A process that this one must reap, or will have to.
#[derive(Debug)]
pub struct Process {
    pid: i32,
    pidfd: OwnedFd,
}

/// The signal that asks a process to end.
pub const SIGTERM: i32 = process::SIGTERM;

/// The signal that ends a process.
pub const SIGKILL: i32 = process::SIGKILL;

/// How a process has ended: its exit code, or 128 and the signal.
pub type ExitCode = u8;

/// Copies this process. The copy has the default action for every signal, none of them blocked, but
/// for SIGPIPE, which is ignored.
///
/// Unlike the raw clone that makes containers, libc hears of it: the copy may do whatever a program
/// may, hooks among it.
///
/// # Errors
///
/// `EINVAL` if this process has more than one thread; `EAGAIN`, `ENOMEM`.
pub fn fork() -> Result<Forked> {
    super::namespace::unshare(process::CloneFlags::CLONE_THREAD)?;
    // SAFETY: this process has one thread, checked above, so that the copy may do all that this
    // one may.
    let forked = unsafe { nix::unistd::fork() };
    match explain(forked, "fork", format_args!(""))? {
        ForkResult::Parent { child } => {
            // A child that is not reaped keeps its number.
            let pidfd = process::pidfd_open(child.as_raw())?;
            Ok(Forked::Parent(Process { pid: child.as_raw(), pidfd }))
        }
        // A copy that cannot be what it should be has nobody to tell.
        ForkResult::Child => match process::reset_signals() {
            Ok(()) => {
                start::prepare();
                Ok(Forked::Child)
            }
            Err(_) => exit_now(1),
        },
    }
}

/// Lets this process be asked to end (SIGTERM) when its parent, the process `parent`, does.
///
/// # Errors
///
/// `ESRCH` if that has ended already.
pub fn end_with(parent: u32) -> Result<()> {
    let asked = prctl::set_pdeathsig(Signal::SIGTERM);
    explain(asked, "prctl", format_args!("PR_SET_PDEATHSIG, SIGTERM"))?;
    if nix::unistd::getppid().as_raw().cast_unsigned() == parent {
        return Ok(());
    }
    Err(Error::new("getppid", format_args!("not {parent}"), Errno::ESRCH))
}

/// Gives this process new stdio, and closes all its descriptors but those and `kept`. What is
/// `None` becomes the null device.
///
/// Only for a copy of a process, of which no destructor will run.
///
/// # Errors
///
/// `EMFILE`, or that there is no null device.
pub fn keep_only(stdio: [Option<BorrowedFd<'_>>; 3], kept: &[BorrowedFd<'_>]) -> Result<()> {
    let null = file::open(c"/dev/null", file::OFlag::O_RDWR)?;
    for (number, fd) in (0..).zip(stdio) {
        file::dup_to(fd.unwrap_or(null.as_fd()), number)?;
    }
    let mut kept: Vec<RawFd> = kept.iter().map(AsRawFd::as_raw_fd).collect();
    drop(null);
    file::close_all_but(FIRST, &mut kept)
}

/// Puts copies of descriptors at 3 and the numbers after that, open across execve.
///
/// Only for a copy of a process, of which no destructor will run.
///
/// # Errors
///
/// `EMFILE`.
pub fn hand_over(fds: &[BorrowedFd<'_>]) -> Result<()> {
    let lift = |fd: &BorrowedFd<'_>| super::descriptor::duplicate(*fd).and_then(file::lift);
    let lifted = fds.iter().map(lift).collect::<Result<Vec<_>>>()?;
    for (number, fd) in (FIRST..).zip(&lifted) {
        file::dup_to(fd.as_fd(), number)?;
    }
    Ok(())
}

/// Ends this process without running anything of it any more.
pub fn exit_now(status: i32) -> ! {
    process::exit_now(status)
}

/// A child of this process that has ended and is not reaped yet, whichever.
///
/// # Errors
///
/// None that is known.
pub fn ended_child() -> Result<Option<i32>> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match waitid(Id::All, flags) {
        Err(Errno::ECHILD | Errno::EINTR) => Ok(None),
        found => {
            let found = explain(found, "waitid", format_args!("P_ALL, WNOWAIT"))?;
            Ok(found.pid().map(|pid| pid.as_raw()))
        }
    }
}

/// Reaps a child that has ended, of which nobody wants to know.
pub fn reap(pid: i32) {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
    // ECHILD: it is reaped already.
    let _ = waitid(Id::Pid(nix::unistd::Pid::from_raw(pid)), flags);
}

impl Process {
    /// One that this process will be the parent of.
    #[must_use]
    pub fn new(pid: i32, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd }
    }

    /// Its number, as long as it is not reaped.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Sends it a signal; false if it has ended and is reaped.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such signal.
    pub fn signal(&self, number: i32) -> Result<bool> {
        match process::pidfd_send_signal(self.pidfd.as_fd(), number) {
            Err(error) if error.errno() == Errno::ESRCH => Ok(false),
            sent => sent.map(|()| true),
        }
    }

    /// Reaps it if it has ended, and says how it did; `None` if it lives. A process that somebody
    /// else has reaped counts as killed.
    ///
    /// # Errors
    ///
    /// `ECHILD` if this process is not its parent.
    pub fn reap(&self) -> Result<Option<ExitCode>> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
        let fd = self.pidfd.as_fd();
        let ended = explain(waitid(Id::PIDFd(fd), flags), "waitid", format_args!("P_PIDFD"))?;
        Ok(ended.pid().map(|_| process::exit_code(ended)))
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl From<Child> for Process {
    fn from(child: Child) -> Self {
        Self { pid: child.pid, pidfd: child.pidfd }
    }
}

/// The signals that a resident process reads instead of being interrupted: to end (SIGTERM,
/// SIGINT), to tell its state (SIGUSR1), that a child has ended (SIGCHLD).
#[derive(Debug)]
pub struct Signals(signal::Signals);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is asked to end.
    End,
    /// It is asked for its state.
    Tell,
    /// A child has ended.
    Child,
    /// One that means nothing.
    Other,
}

impl Signals {
    /// Reads all signals from here on, but those that tell of mistakes of this process.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENOMEM`.
    pub fn read() -> Result<Self> {
        signal::Signals::block().map(Self)
    }

    /// The next one.
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn next(&self) -> Result<Option<Received>> {
        Ok(self.0.next()?.map(|number| match number {
            libc::SIGTERM | libc::SIGINT => Received::End,
            libc::SIGUSR1 => Received::Tell,
            libc::SIGCHLD => Received::Child,
            _ => Received::Other,
        }))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Says how the allocator is to behave in a process that lives long and does little: none of what
/// is free at the end of the heap is kept back.
pub fn be_frugal() {
    const KEEP: libc::c_int = 16 << 10;
    // SAFETY: mallopt takes numbers. That it refuses one costs memory and nothing else.
    let _set = unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, KEEP) };
}

/// Gives back what the allocator has free.
pub fn trim_memory() {
    // SAFETY: malloc_trim takes a number, and releases only what nobody uses.
    let _released = unsafe { libc::malloc_trim(0) };
}
