//! Signals that are read instead of delivered, and what becomes of those that are not.

use super::error::{Error, Result, explain};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

pub(crate) const SIGCHLD: i32 = libc::SIGCHLD;
pub(crate) const SIGHUP: i32 = libc::SIGHUP;
pub(crate) const SIGPIPE: i32 = libc::SIGPIPE;
pub(crate) const SIGQUIT: i32 = libc::SIGQUIT;
pub(crate) const SIGWINCH: i32 = libc::SIGWINCH;

/// Whether the signal does nothing to this process.
pub(crate) fn is_ignored(signal: i32) -> bool {
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
