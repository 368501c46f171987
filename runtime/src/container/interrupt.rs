//! Signals that end this process while a container is made: what was made is removed, instead of
//! being left.

use crate::error::{Doing, Error, Result};
use crate::sys::poll;
use crate::sys::process::{SIGINT, SIGTERM};
use crate::sys::signal::{SIGHUP, SIGQUIT, is_ignored};
use signal_hook::low_level::pipe;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// Becomes readable when this process is asked to end. Until it is dropped, that does not end it.
#[derive(Debug)]
pub(crate) struct Interrupt {
    woken: UnixStream,
    handlers: Vec<signal_hook::SigId>,
}

impl Interrupt {
    pub(crate) fn catch() -> Result<Self> {
        let failed = |error: std::io::Error| Error::unsupported("signals", error.to_string());
        let (woken, wakes) = UnixStream::pair().map_err(failed)?;
        let mut handlers = Vec::new();
        // What the caller has this process ignore, as nohup(1) does, stays so.
        let signals = [SIGHUP, SIGINT, SIGQUIT, SIGTERM].into_iter();
        for signal in signals.filter(|signal| !is_ignored(*signal)) {
            let end = wakes.try_clone().map_err(failed)?;
            handlers.push(pipe::register(signal, end).map_err(failed)?);
        }
        Ok(Self { woken, handlers })
    }

    /// Fails if this process was asked to end.
    pub(crate) fn make_sure_none_came(&self) -> Result<()> {
        let came = poll::readable(&[self.woken.as_fd()], Some(Instant::now()));
        if came.doing(|| "signals".to_owned())?[0] { Err(Self::error()) } else { Ok(()) }
    }

    /// What becomes of an operation that was asked to end.
    pub(crate) fn error() -> Error {
        Error::Interrupted("interrupted by a signal".to_owned())
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        for &handler in &self.handlers {
            let _was_registered = signal_hook::low_level::unregister(handler);
        }
    }
}
