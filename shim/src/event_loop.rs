//! What the shim waits for: one set of descriptors, and some moments in time.
//!
//! Whoever is waited for has a number that nobody gets again: what is told of one that is gone
//! meanwhile is told to nobody.

use peapod::sys::Result;
use peapod::sys::epoll::{Epoll, Event, Interest};
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// A number that is given once.
pub(crate) type Key = u32;

/// What a descriptor belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The socket that containerd connects to.
    Listener,
    /// Signals to the shim.
    Signals,
    /// The connection that events go to.
    Publisher,
    /// A client.
    Connection(Key),
    /// The pidfd of a process of a container.
    Process(Key),
    /// The pidfd of a creator.
    Creator(Key),
    /// The pidfd of the pod's pause.
    Pause,
    /// Where a stream is read.
    Reader(Key),
    /// Where a stream is written.
    Writer(Key),
    /// The memory events of a container.
    Memory(Key),
}

/// What a moment in time is for. Each is told once, and may have lost its meaning by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// A process is deleted, and what it has written should be read by now.
    Drain(Key),
    /// The processes that were added to a container should have ended with its first one.
    Stragglers(Key),
    /// Nobody needs the shim, it seems.
    Idle,
    /// The shim ends, whether its clients have gone or not.
    Linger,
    /// Connections are to be accepted again.
    Accept,
    /// Events are to be sent again.
    Publisher,
    /// A logger was asked to end, and should have.
    Logger(Key),
    /// Nothing has happened for a while.
    Rest,
}

/// The set.
#[derive(Debug)]
pub(crate) struct EventLoop {
    epoll: Epoll,
    timers: Vec<(Instant, Timer)>,
    last: Key,
}

const KIND: u32 = 32;

impl Source {
    fn token(self) -> u64 {
        let (kind, key) = match self {
            Self::Listener => (0, 0),
            Self::Signals => (1, 0),
            Self::Publisher => (2, 0),
            Self::Connection(key) => (3, key),
            Self::Process(key) => (4, key),
            Self::Creator(key) => (5, key),
            Self::Reader(key) => (6, key),
            Self::Writer(key) => (7, key),
            Self::Memory(key) => (8, key),
            Self::Pause => (9, 0),
        };
        kind << KIND | u64::from(key)
    }

    /// What the event is about.
    pub(crate) fn of(event: Event) -> Option<Self> {
        let [k0, k1, k2, k3, kind, ..] = event.token.to_le_bytes();
        let key = Key::from_le_bytes([k0, k1, k2, k3]);
        Some(match kind {
            0 => Self::Listener,
            1 => Self::Signals,
            2 => Self::Publisher,
            3 => Self::Connection(key),
            4 => Self::Process(key),
            5 => Self::Creator(key),
            6 => Self::Reader(key),
            7 => Self::Writer(key),
            8 => Self::Memory(key),
            9 => Self::Pause,
            _ => return None,
        })
    }
}

impl EventLoop {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { epoll: Epoll::new()?, timers: Vec::new(), last: 0 })
    }

    /// A number that nobody has had.
    pub(crate) fn key(&mut self) -> Key {
        self.last += 1;
        self.last
    }

    /// Begins to watch a descriptor.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, source: Source, interest: Interest) -> Result<()> {
        self.epoll.add(fd, source.token(), interest)
    }

    /// Watches a descriptor for something else.
    pub(crate) fn modify(
        &self,
        fd: BorrowedFd<'_>,
        source: Source,
        interest: Interest,
    ) -> Result<()> {
        self.epoll.modify(fd, source.token(), interest)
    }

    /// Does not watch a descriptor any more. To be called before it is closed, since a copy of it
    /// in a creator would keep it in the set.
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) {
        self.epoll.remove(fd);
    }

    /// Tells of the moment `at`. An earlier one for the same is forgotten.
    pub(crate) fn set_timer(&mut self, at: Instant, timer: Timer) {
        self.clear_timer(timer);
        self.timers.push((at, timer));
    }

    pub(crate) fn clear_timer(&mut self, timer: Timer) {
        self.timers.retain(|(_, other)| *other != timer);
    }

    /// Waits until something has happened, and says what: events, and moments that have passed.
    pub(crate) fn wait(&mut self, events: &mut Vec<Event>) -> Result<Vec<Timer>> {
        let next = self.timers.iter().map(|(at, _)| *at).min();
        self.epoll.wait(next, events)?;
        let Some(_) = next else { return Ok(Vec::new()) };
        let now = Instant::now();
        let passed = self.timers.iter().filter(|(at, _)| *at <= now).map(|(_, timer)| *timer);
        let passed: Vec<_> = passed.collect();
        self.timers.retain(|(at, _)| *at > now);
        Ok(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_under_the_name_of_its_source() {
        for source in [Source::Listener, Source::Process(7), Source::Memory(Key::MAX)] {
            let event = Event { token: source.token(), readable: true, writable: false };
            assert_eq!(Source::of(event), Some(source));
        }
    }
}
