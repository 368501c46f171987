//! A connection of a client, for a loop that waits on it: nothing here blocks.

use super::frame::{Frame, Kind, LIMIT};
use super::status::{Code, Status};
use super::stream::Stream;
use super::{NAMESPACE, Progress};
use crate::proto::ttrpc::{KeyValue, Request, Response};
use prost::Message;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The answer to a call.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which call.
    pub stream: u32,
    /// The message that goes with it, or how it failed.
    pub result: Result<Vec<u8>, Status>,
}

/// A server that is connected to.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    next: u32,
}

impl Client {
    /// Calls over `stream`, which never blocks from now on.
    ///
    /// # Errors
    ///
    /// If it cannot be made so.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        Ok(Self { stream: Stream::new(stream)?, next: 1 })
    }

    /// Makes a call, and answers with its number. `target` is the full name of the service and that
    /// of the call.
    ///
    /// # Errors
    ///
    /// If the message is too long.
    pub fn call(
        &mut self,
        (service, method): (&str, &str),
        namespace: &str,
        payload: Vec<u8>,
        timeout: Duration,
    ) -> Result<u32, Status> {
        let key = NAMESPACE.to_owned();
        let request = Request {
            service: service.to_owned(),
            method: method.to_owned(),
            payload,
            timeout_nano: i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX),
            metadata: vec![KeyValue { key, value: namespace.to_owned() }],
        };
        let stream = self.next;
        if !self.stream.outgoing.push(stream, Kind::Request, &request) {
            let reason = format!("{method}: a message of more than {LIMIT} bytes");
            return Err(Status::new(Code::ResourceExhausted, reason));
        }
        self.next += 2;
        Ok(stream)
    }

    /// Writes as much as the server takes.
    pub fn write(&mut self) -> Progress {
        self.stream.write()
    }

    /// Reads the answers that have come, and hands each over.
    pub fn read(&mut self, mut each: impl FnMut(Answer)) -> Progress {
        self.stream.read(|frame| answer(frame).into_iter().for_each(&mut each))
    }

    /// Whether there is something to write, so that the loop should wait until it can be.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        !self.stream.outgoing.rest().is_empty()
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// The answer that a frame is, if it is one.
fn answer(frame: Frame) -> Option<Answer> {
    let failed = |code, reason: String| Err(Status::new(code, reason));
    match frame {
        Frame::Message(header, message) if header.kind == Kind::Response => {
            let result = match Response::decode(message.as_slice()) {
                Ok(Response { status: Some(status), .. }) if status.code != 0 => Err(status.into()),
                Ok(response) => Ok(response.payload),
                Err(error) => failed(Code::Internal, format!("response: {error}")),
            };
            Some(Answer { stream: header.stream, result })
        }
        Frame::TooLong(header) => {
            let reason = format!("the answer has {} bytes, more than {LIMIT}", header.len);
            let result = failed(Code::ResourceExhausted, reason);
            Some(Answer { stream: header.stream, result })
        }
        Frame::Message(..) => None,
    }
}
