//! Waiting for a condition: on the descriptor that tells of it, and until a deadline.

use anyhow::{Result, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// More than anything here takes, on a loaded machine too.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Whether a descriptor becomes readable within that time: a pidfd does when its process ends.
///
/// # Errors
///
/// When the descriptor cannot be waited for.
pub fn readable(descriptor: impl AsFd, within: Duration) -> Result<bool> {
    happens(descriptor, PollFlags::POLLIN, within)
}

pub(crate) fn happens(descriptor: impl AsFd, event: PollFlags, within: Duration) -> Result<bool> {
    let end = Instant::now() + within;
    loop {
        let mut polled = [PollFd::new(descriptor.as_fd(), event)];
        // Rounded up: the last part of a millisecond is waited for too.
        let left = end.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
        match poll(&mut polled, PollTimeout::try_from(left)?) {
            Err(nix::errno::Errno::EINTR) => {}
            Ok(0) if Instant::now() < end => {}
            found => return Ok(found? > 0),
        }
    }
}

/// Waits until the file at `path` has `text` in it; answers with all that it has.
///
/// # Errors
///
/// When it has not by the deadline.
pub fn file_with(path: &Path, text: &str) -> Result<String> {
    let changes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    changes.add_watch(path, AddWatchFlags::IN_MODIFY)?;
    let end = Instant::now() + DEADLINE;
    loop {
        let found = fs::read_to_string(path)?;
        if found.contains(text) {
            return Ok(found);
        }
        if !readable(&changes, end.saturating_duration_since(Instant::now()))? {
            bail!("{path:?} has no {text:?} after {DEADLINE:?}: {found:?}");
        }
        drop(changes.read_events()?);
    }
}
