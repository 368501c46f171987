//! Signals that are read instead of delivered, and what becomes of those that are not.

use super::error::{Error, Result, explain};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use signal_hook::low_level;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

pub(crate) use nix::sys::signal::Signal;

pub(crate) const SIGCHLD: i32 = libc::SIGCHLD;
pub(crate) const SIGPIPE: i32 = libc::SIGPIPE;
pub(crate) const SIGWINCH: i32 = libc::SIGWINCH;

/// What a signal is called; real-time signals have numbers only.
pub(crate) fn name(signal: i32) -> String {
    low_level::signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned)
}

/// Whether the signal does nothing to this process.
fn is_ignored(signal: i32) -> bool {
    let mut now = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: nothing is changed where the new action is null; the old one is written to `now`.
    let returned = unsafe { libc::sigaction(signal, std::ptr::null(), now.as_mut_ptr()) };
    // SAFETY: sigaction has written it if it succeeded.
    returned == 0 && unsafe { now.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Every signal that this process can be sent. As long as this lives they are read here, and do
/// nothing by themselves.
#[derive(Debug)]
pub(crate) struct Signals {
    fd: SignalFd,
    before: SigSet,
}

impl Signals {
    pub(crate) fn block() -> Result<Self> {
        let mut all = SigSet::all();
        // What this process does wrong itself: such a signal comes back at once if it is blocked.
        for fault in [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL] {
            all.remove(fault);
        }
        let mut before = SigSet::empty();
        let blocked = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&all), Some(&mut before));
        explain(blocked, "rt_sigprocmask", format_args!("SIG_SETMASK, ~[]"))?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = explain(SignalFd::with_flags(&all, flags), "signalfd4", format_args!("~[]"))?;
        Ok(Self { fd, before })
    }

    /// The next signal that was sent, if there is one.
    pub(crate) fn next(&self) -> Result<Option<i32>> {
        match self.fd.read_signal() {
            Ok(None) | Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Ok(Some(signal)) => Ok(Some(signal.ssi_signo.cast_signed())),
            Err(errno) => Err(Error::new("read", format_args!("signalfd"), errno)),
        }
    }
}

/// Some signals that are held back: as long as this lives they wait here, and do nothing.
#[derive(Debug)]
pub(crate) struct Held {
    fd: SignalFd,
    /// Those that nobody else holds back.
    own: SigSet,
}

impl Held {
    /// Holds back those of `signals` that this process does not ignore: as nohup(1) has it, they
    /// stay ignored.
    pub(crate) fn hold(signals: &[Signal]) -> Result<Self> {
        let all: SigSet =
            signals.iter().copied().filter(|signal| !is_ignored(*signal as i32)).collect();
        let mut before = SigSet::empty();
        let blocked = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&all), Some(&mut before));
        explain(blocked, "rt_sigprocmask", format_args!("SIG_BLOCK, {all:?}"))?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let fd = explain(SignalFd::with_flags(&all, flags), "signalfd4", format_args!("{all:?}"))?;
        Ok(Self { fd, own: all.iter().filter(|signal| !before.contains(*signal)).collect() })
    }

    /// Leaves them to `next`, which reads all signals already.
    pub(crate) fn leave_to(mut self, next: &mut Signals) {
        self.own.iter().for_each(|signal| next.before.remove(signal));
        self.own = SigSet::empty();
    }
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.own.iter().next().is_some() {
            // What came is known by now.
            while let Ok(Some(_)) = self.fd.read_signal() {}
            let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&self.own), None);
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // What came at last would be delivered now, when what it was for is over.
        while let Ok(Some(_)) = self.next() {}
        // Setting a mask that was in force before cannot fail.
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None);
    }
}
