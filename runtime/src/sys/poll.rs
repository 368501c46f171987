//! Waiting: always on descriptors, always with an end.

use super::error::{Result, explain};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// Waits until one of `fds` can be read (a pidfd: its process has ended), or `deadline` has passed.
///
/// Answers with the readiness of each, all false at the deadline.
pub(crate) fn readable(fds: &[BorrowedFd<'_>], deadline: Option<Instant>) -> Result<Vec<bool>> {
    poll(fds, PollFlags::POLLIN, deadline)
}

/// Waits until a file of cgroupfs has changed since it was last read, or `deadline` has passed.
pub(crate) fn changed(fd: BorrowedFd<'_>, deadline: Instant) -> Result<bool> {
    any_changed(&[fd], deadline)
}

/// The same for several files: whether one of them has.
pub(crate) fn any_changed(fds: &[BorrowedFd<'_>], deadline: Instant) -> Result<bool> {
    Ok(poll(fds, PollFlags::POLLPRI, Some(deadline))?.contains(&true))
}

/// What a descriptor is waited for to let happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    Read,
    Write,
}

/// Waits until one of `fds` is ready, or has failed; answers with the readiness of each. Its end is
/// that of a process, whose pidfd is among them.
pub(crate) fn ready(fds: &[(BorrowedFd<'_>, Interest)]) -> Result<Vec<bool>> {
    let polled = fds.iter().map(|&(fd, interest)| match interest {
        Interest::Read => PollFd::new(fd, PollFlags::POLLIN),
        Interest::Write => PollFd::new(fd, PollFlags::POLLOUT),
    });
    wait(polled.collect(), None)
}

fn poll(fds: &[BorrowedFd<'_>], events: PollFlags, deadline: Option<Instant>) -> Result<Vec<bool>> {
    wait(fds.iter().map(|&fd| PollFd::new(fd, events)).collect(), deadline)
}

fn wait(mut polled: Vec<PollFd<'_>>, deadline: Option<Instant>) -> Result<Vec<bool>> {
    let outcome = loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        // Rounded up, or the last millisecond would be spent in a busy loop.
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX)
        });
        match nix::poll::poll(&mut polled, timeout) {
            Err(Errno::EINTR) => {}
            // poll(2) counts milliseconds in an int: a far deadline takes several rounds.
            Ok(0) if deadline.is_none_or(|at| Instant::now() < at) => {}
            result => break result,
        }
    };
    explain(outcome, "poll", format_args!("{} descriptors", polled.len()))?;
    Ok(polled.iter().map(|fd| fd.any().unwrap_or(false)).collect())
}
