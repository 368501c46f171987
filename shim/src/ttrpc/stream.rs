//! A stream socket that never blocks.

use super::Progress;
use super::frame::{Frame, Incoming, Outgoing};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// What is read at once, in bytes. Most messages are shorter.
const CHUNK: usize = 4096;

/// Who sends without end shall not keep the loop from others: so many chunks at a time.
const CHUNKS: usize = 16;

/// A socket, what has come over it, and what is to go.
#[derive(Debug)]
pub(super) struct Stream {
    socket: UnixStream,
    incoming: Incoming,
    pub(super) outgoing: Outgoing,
}

/// What a call of read(2) had.
enum Received {
    Bytes(usize),
    Nothing,
    End,
}

impl Stream {
    pub(super) fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, incoming: Incoming::default(), outgoing: Outgoing::default() })
    }

    /// Reads what has come, and hands over each frame. What is still there afterwards lets the
    /// socket be read again (epoll(7), level-triggered).
    pub(super) fn read(&mut self, mut each: impl FnMut(Frame)) -> Progress {
        let mut chunk = [0; CHUNK];
        for _ in 0..CHUNKS {
            let len = match self.read_some(&mut chunk) {
                Received::Bytes(len) => len,
                Received::Nothing => break,
                Received::End => return Progress::Closed,
            };
            self.incoming.push(chunk.get(..len).unwrap_or_default(), &mut each);
            if len < CHUNK {
                break;
            }
        }
        Progress::Open
    }

    /// Writes as much as the peer takes.
    pub(super) fn write(&mut self) -> Progress {
        while !self.outgoing.rest().is_empty() {
            match self.socket.write(self.outgoing.rest()) {
                Ok(len) => self.outgoing.advance(len),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Progress::Closed,
            }
        }
        Progress::Open
    }

    /// Forgets what has come in part, and what was to go.
    pub(super) fn forget(&mut self) {
        (self.incoming, self.outgoing) = (Incoming::default(), Outgoing::default());
    }

    fn read_some(&mut self, chunk: &mut [u8]) -> Received {
        loop {
            match self.socket.read(chunk) {
                Ok(0) => return Received::End,
                Ok(len) => return Received::Bytes(len),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Received::Nothing,
                Err(_) => return Received::End,
            }
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
