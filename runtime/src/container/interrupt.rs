//! Signals that end this process while a container is made: what was made is removed, instead of
//! being left.

use crate::error::{Doing, Error, Result};
use crate::sys::poll;
use crate::sys::signal::{Held, Signal, Signals};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// Becomes readable when this process is asked to end. Until it is dropped, that does not end it.
#[derive(Debug)]
pub(crate) struct Interrupt(Held);

impl Interrupt {
    pub(crate) fn catch() -> Result<Self> {
        let signals = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];
        Held::hold(&signals).map(Self).doing(|| "signals".to_owned())
    }

    /// Fails if this process was asked to end.
    pub(crate) fn make_sure_none_came(&self) -> Result<()> {
        let came = poll::readable(&[self.as_fd()], Some(Instant::now()));
        if came.doing(|| "signals".to_owned())?[0] { Err(Self::error()) } else { Ok(()) }
    }

    /// From here on such a signal is for the program, if this process passes them on.
    pub(crate) fn end(self, signals: Option<&mut Signals>) {
        if let Some(signals) = signals {
            self.0.leave_to(signals);
        }
    }

    /// What becomes of an operation that was asked to end.
    pub(crate) fn error() -> Error {
        Error::Interrupted("interrupted by a signal".to_owned())
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
