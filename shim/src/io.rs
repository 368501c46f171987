//! Streams: what a program reads and writes, on its way from or to containerd's fifos. Nothing here
//! waits: a stream whose other side does not go on waits for that side alone.

use crate::event_loop::{EventLoop, Key, Source};
use peapod::sys::epoll::Interest;
use peapod::sys::{Errno, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

/// What is passed on at a time, in bytes. One buffer of this size serves all streams.
const CHUNK: usize = 16 << 10;

/// A stream without end shall not keep the loop from others: so many chunks at a time.
const CHUNKS: usize = 8;

/// Which way a stream flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From a client to the program.
    In,
    /// From the program to whoever wants to know.
    Out,
}

/// A stream that does not flow yet.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) direction: Direction,
    pub(crate) from: OwnedFd,
    pub(crate) to: OwnedFd,
    /// A writer of the fifo that the stream comes from: as long as it is open, a client may go and
    /// another come.
    pub(crate) keeper: Option<OwnedFd>,
}

#[derive(Debug)]
struct Stream {
    direction: Direction,
    from: File,
    to: File,
    keeper: Option<OwnedFd>,
    /// What was read and could not be written yet.
    rest: Vec<u8>,
    /// Which of its descriptors is watched.
    watched: Option<Watched>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watched {
    From,
    To,
}

/// What a stream waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    More,
    Room,
    Nothing,
}

/// All streams.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    all: BTreeMap<Key, Stream>,
    buffer: Vec<u8>,
}

impl Streams {
    /// Lets a stream flow. Both of its descriptors must fail where they would block.
    pub(crate) fn open(&mut self, plan: Plan, events: &mut EventLoop) -> Result<Key> {
        let Plan { direction, from, to, keeper } = plan;
        let (from, to) = (File::from(from), File::from(to));
        let key = events.key();
        events.add(from.as_fd(), Source::Reader(key), Interest::Read)?;
        let watched = Some(Watched::From);
        let stream = Stream { direction, from, to, keeper, rest: Vec::new(), watched };
        self.all.insert(key, stream);
        Ok(key)
    }

    /// Passes on what there is. Answers whether the stream has come to its end, and is gone.
    pub(crate) fn flow(&mut self, key: Key, events: &EventLoop) -> Result<bool> {
        let Some(stream) = self.all.get_mut(&key) else { return Ok(false) };
        if self.buffer.is_empty() {
            self.buffer = vec![0; CHUNK];
        }
        let wanted = match stream.turn(&mut self.buffer) {
            Next::More => Watched::From,
            Next::Room => Watched::To,
            Next::Nothing => {
                self.close(key, events);
                return Ok(true);
            }
        };
        stream.watch(key, wanted, events)?;
        Ok(false)
    }

    /// Whether the stream still flows.
    pub(crate) fn is_open(&self, key: Key) -> bool {
        self.all.contains_key(&key)
    }

    /// Ends a stream, whatever is still on its way.
    pub(crate) fn close(&mut self, key: Key, events: &EventLoop) {
        if let Some(stream) = self.all.remove(&key) {
            stream.unwatch(events);
        }
    }

    /// Ends a stream to a program; one from it goes on.
    pub(crate) fn close_input(&mut self, key: Key, events: &EventLoop) {
        if self.all.get(&key).is_some_and(|stream| stream.direction == Direction::In) {
            self.close(key, events);
        }
    }

    /// Lets a stream to a program come to its end when the clients that there are have written all.
    pub(crate) fn finish_input(&mut self, key: Key) {
        if let Some(stream) = self.all.get_mut(&key) {
            stream.keeper = None;
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Gives back what is not needed while nothing flows.
    pub(crate) fn rest(&mut self) {
        if self.all.is_empty() {
            self.buffer = Vec::new();
        }
    }
}

impl Stream {
    fn turn(&mut self, buffer: &mut [u8]) -> Next {
        for _ in 0..CHUNKS {
            if let Some(next) = self.write_rest() {
                return next;
            }
            let read = match self.from.read(buffer) {
                Ok(0) => return Next::Nothing,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Next::More,
                // EIO of a terminal: nobody has its other end open any more.
                Err(_) => return Next::Nothing,
            };
            let read = buffer.get(..read).unwrap_or_default();
            match self.to.write(read) {
                Ok(written) => self.keep(read.get(written..).unwrap_or_default()),
                Err(error) if is_later(&error) => self.keep(read),
                Err(_) => return self.broken(),
            }
        }
        if self.rest.is_empty() { Next::More } else { Next::Room }
    }

    fn keep(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.rest = rest.to_vec();
        }
    }

    /// Writes what is left; `None` if that was all.
    fn write_rest(&mut self) -> Option<Next> {
        while !self.rest.is_empty() {
            match self.to.write(&self.rest) {
                Ok(written) => drop(self.rest.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(Next::Room),
                Err(_) => return Some(self.broken()),
            }
        }
        self.rest = Vec::new();
        None
    }

    /// Nobody takes what comes. A program may go on writing all the same.
    fn broken(&mut self) -> Next {
        self.rest = Vec::new();
        match self.direction {
            Direction::In => Next::Nothing,
            Direction::Out => Next::More,
        }
    }

    fn watch(&mut self, key: Key, wanted: Watched, events: &EventLoop) -> Result<()> {
        if self.watched == Some(wanted) {
            return Ok(());
        }
        self.unwatch(events);
        let added = match wanted {
            Watched::From => events.add(self.from.as_fd(), Source::Reader(key), Interest::Read),
            Watched::To => events.add(self.to.as_fd(), Source::Writer(key), Interest::Write),
        };
        self.watched = Some(wanted);
        match added {
            // A regular file, which never lets anybody wait.
            Err(error) if error.errno() == Errno::EPERM => Ok(()),
            added => added,
        }
    }

    fn unwatch(&self, events: &EventLoop) {
        match self.watched {
            Some(Watched::From) => events.remove(self.from.as_fd()),
            Some(Watched::To) => events.remove(self.to.as_fd()),
            None => {}
        }
    }
}

fn is_later(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
