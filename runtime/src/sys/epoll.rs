//! Waiting for many descriptors at once, level-triggered: what a resident process does all day.

use super::error::{Error, Result, explain};
use nix::errno::Errno;
use nix::sys::epoll::{self, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Instant;

/// How many descriptors are told of at a time.
const BATCH: usize = 32;

/// What a descriptor is watched for. That it was hung up, or has failed, is told in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// That it can be read; of a pidfd: that its process has ended.
    Read,
    /// That it can be written to.
    Write,
    /// Either.
    Both,
    /// Exceptional conditions, as a file of cgroupfs that has changed.
    Change,
}

/// What has become of a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// What it was added with.
    pub token: u64,
    /// It can be read, or has come to its end.
    pub readable: bool,
    /// It can be written to, or nobody reads it any more.
    pub writable: bool,
}

/// A set of descriptors.
#[derive(Debug)]
pub struct Epoll(epoll::Epoll);

impl Interest {
    fn flags(self) -> EpollFlags {
        match self {
            Self::Read => EpollFlags::EPOLLIN,
            Self::Write => EpollFlags::EPOLLOUT,
            Self::Both => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
            Self::Change => EpollFlags::EPOLLPRI,
        }
    }
}

impl Epoll {
    /// An empty set.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENOMEM`.
    pub fn new() -> Result<Self> {
        let made = epoll::Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC);
        explain(made, "epoll_create1", format_args!("EPOLL_CLOEXEC")).map(Self)
    }

    /// Adds a descriptor, which answers under the name `token`.
    ///
    /// # Errors
    ///
    /// `EPERM` if it is none that could ever be waited for, as a regular file.
    pub fn add(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> Result<()> {
        let added = self.0.add(fd, EpollEvent::new(interest.flags(), token));
        explain(added, "epoll_ctl", format_args!("EPOLL_CTL_ADD, {}", fd.as_raw_fd()))
    }

    /// Changes what a descriptor is watched for.
    ///
    /// # Errors
    ///
    /// `ENOENT` if it is not in the set.
    pub fn modify(&self, fd: BorrowedFd<'_>, token: u64, interest: Interest) -> Result<()> {
        let changed = self.0.modify(fd, &mut EpollEvent::new(interest.flags(), token));
        explain(changed, "epoll_ctl", format_args!("EPOLL_CTL_MOD, {}", fd.as_raw_fd()))
    }

    /// Takes a descriptor out. That it is not in is fine.
    pub fn remove(&self, fd: BorrowedFd<'_>) {
        // ENOENT and EPERM: it was not in.
        let _ = self.0.delete(fd);
    }

    /// Waits until something has happened, or `deadline` has passed.
    ///
    /// # Errors
    ///
    /// None that a correct caller could meet.
    pub fn wait(&self, deadline: Option<Instant>, events: &mut Vec<Event>) -> Result<()> {
        events.clear();
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        // Rounded up, or the last millisecond would be spent in a busy loop.
        let timeout = left.map_or(EpollTimeout::NONE, |left| {
            EpollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(EpollTimeout::MAX)
        });
        let mut batch = [EpollEvent::empty(); BATCH];
        let count = match self.0.wait(&mut batch, timeout) {
            Err(Errno::EINTR) => 0,
            Err(errno) => return Err(Error::new("epoll_wait", format_args!(""), errno)),
            Ok(count) => count,
        };
        events.extend(batch.iter().take(count).map(|event| {
            let flags = event.events();
            let over = flags.intersects(EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR);
            let can = |wanted| over || flags.intersects(wanted);
            Event {
                token: event.data(),
                readable: can(EpollFlags::EPOLLIN | EpollFlags::EPOLLPRI),
                writable: can(EpollFlags::EPOLLOUT),
            }
        }));
        Ok(())
    }
}
