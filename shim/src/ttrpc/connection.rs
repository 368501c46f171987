//! A connection of the server, for a loop that waits on it: nothing here blocks.
//!
//! Answers may be given late and in any order. A client that gives a call up does not say so, and
//! its stream is simply never looked at again: an answer is sent all the same.

use super::frame::{Frame, Header, Kind, LIMIT};
use super::status::{Code, Status};
use super::stream::Stream;
use super::{NAMESPACE, Progress};
use crate::proto::ttrpc::{Request, Response};
use prost::Message;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Nothing is read from a client that has so many bytes of answers waiting for it.
const ENOUGH: usize = 1 << 20;

/// A client that has so many bytes waiting is given up. Only calls that were read before
/// [`ENOUGH`] was reached add to them.
const TOO_MUCH: usize = 16 << 20;

/// A call that was made.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    /// What its answer is sent to.
    pub stream: u32,
    /// The full name of the service.
    pub service: String,
    /// Which call of the service.
    pub method: String,
    /// The message that goes with it.
    pub payload: Vec<u8>,
    /// How long the caller will wait, if it says so.
    pub timeout: Option<Duration>,
    /// containerd's namespace, if the caller says so.
    pub namespace: Option<String>,
}

/// A client that is connected.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    calls: VecDeque<Call>,
    /// Streams are numbered upwards.
    last: u32,
    is_closed: bool,
}

impl Connection {
    /// Serves `stream`, which never blocks from now on.
    ///
    /// # Errors
    ///
    /// If it cannot be made so.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        let stream = Stream::new(stream)?;
        Ok(Self { stream, calls: VecDeque::new(), last: 0, is_closed: false })
    }

    /// Reads what has come. To be called when the descriptor can be read; what is still there
    /// afterwards lets it be read again (epoll(7), level-triggered).
    pub fn read(&mut self) -> Progress {
        if self.is_closed || !self.wants_read() {
            return self.progress();
        }
        let mut frames = Vec::new();
        if self.stream.read(|frame| frames.push(frame)) == Progress::Closed {
            self.close();
        }
        frames.into_iter().for_each(|frame| self.take(frame));
        self.progress()
    }

    /// The next call that was made.
    pub fn next_request(&mut self) -> Option<Call> {
        let call = self.calls.pop_front();
        if self.calls.is_empty() {
            self.calls = VecDeque::new();
        }
        call
    }

    /// Answers a call. What cannot be sent at once waits for [`write`](Self::write).
    pub fn reply(&mut self, stream: u32, answer: Result<Vec<u8>, Status>) {
        if self.is_closed {
            return;
        }
        let response = match answer {
            Ok(payload) => Response { status: None, payload },
            Err(status) => Response { status: Some(status.into()), payload: Vec::new() },
        };
        if !self.stream.outgoing.push(stream, Kind::Response, &response) {
            let len = response.encoded_len();
            let reason = format!("the answer has {len} bytes, more than {LIMIT}");
            self.refuse(stream, Code::ResourceExhausted, reason);
        }
        if self.stream.outgoing.rest().len() > TOO_MUCH {
            self.close();
        }
    }

    /// Writes as much as the client takes.
    pub fn write(&mut self) -> Progress {
        if self.stream.write() == Progress::Closed {
            self.close();
        }
        self.progress()
    }

    /// Whether there is something to write, so that the loop should wait until it can be.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        !self.stream.outgoing.rest().is_empty()
    }

    /// Whether the loop should wait for more calls: not of a client that does not read its answers.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        self.stream.outgoing.rest().len() < ENOUGH
    }

    /// Whether it is of no further use.
    pub fn progress(&self) -> Progress {
        if self.is_closed { Progress::Closed } else { Progress::Open }
    }

    fn close(&mut self) {
        self.is_closed = true;
        self.stream.forget();
    }

    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Message(header, message) => self.message(header, &message),
            Frame::TooLong(Header { len, stream, .. }) => {
                let reason = format!("the message has {len} bytes, more than {LIMIT}");
                self.refuse(stream, Code::ResourceExhausted, reason);
            }
        }
    }

    /// As containerd's own server has it (containerd/ttrpc, server.go).
    fn message(&mut self, header: Header, message: &[u8]) {
        let stream = header.stream;
        if stream.is_multiple_of(2) {
            return self.refuse(stream, Code::InvalidArgument, "a client's stream must be odd");
        }
        match header.kind {
            Kind::Request if stream <= self.last => {
                let reason = format!("stream {stream} must be larger than {}", self.last);
                self.refuse(stream, Code::InvalidArgument, reason);
            }
            Kind::Request => {
                self.last = stream;
                match Request::decode(message) {
                    Ok(request) => self.calls.push_back(call(stream, request)),
                    Err(error) => {
                        self.refuse(stream, Code::InvalidArgument, format!("request: {error}"));
                    }
                }
            }
            // Of a stream, and none was ever opened; or of a later version of the protocol.
            Kind::Response | Kind::Other(_) => {}
        }
    }

    fn refuse(&mut self, stream: u32, code: Code, reason: impl Into<String>) {
        self.reply(stream, Err(Status::new(code, reason)));
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn call(stream: u32, request: Request) -> Call {
    let timeout = u64::try_from(request.timeout_nano).ok().filter(|nanos| *nanos > 0);
    let mut metadata = request.metadata.into_iter();
    Call {
        stream,
        service: request.service,
        method: request.method,
        payload: request.payload,
        timeout: timeout.map(Duration::from_nanos),
        namespace: metadata.find(|pair| pair.key == NAMESPACE).map(|pair| pair.value),
    }
}
