//! The frames of ttrpc: ten bytes, and what they announce (containerd/ttrpc, channel.go).

use prost::Message;

/// The bytes before each message.
pub const HEADER: usize = 10;

/// No message is longer than this, in bytes.
pub const LIMIT: usize = 4 << 20;

/// What a frame has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A call.
    Request,
    /// The answer to one.
    Response,
    /// A part of a stream, or what comes after this was written.
    Other(u8),
}

/// What is said of a message before it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The length of the message, in bytes.
    pub len: u32,
    /// Which call it is of: odd, and larger than any before it.
    pub stream: u32,
    /// What it is.
    pub kind: Kind,
}

impl Header {
    /// Reads a header. There is no wrong one.
    #[must_use]
    pub fn of([l0, l1, l2, l3, s0, s1, s2, s3, kind, _flags]: [u8; HEADER]) -> Self {
        let kind = match kind {
            1 => Kind::Request,
            2 => Kind::Response,
            other => Kind::Other(other),
        };
        let len = u32::from_be_bytes([l0, l1, l2, l3]);
        Self { len, stream: u32::from_be_bytes([s0, s1, s2, s3]), kind }
    }

    fn bytes(self) -> [u8; HEADER] {
        let ([l0, l1, l2, l3], [s0, s1, s2, s3]) =
            (self.len.to_be_bytes(), self.stream.to_be_bytes());
        let kind = match self.kind {
            Kind::Request => 1,
            Kind::Response => 2,
            Kind::Other(other) => other,
        };
        [l0, l1, l2, l3, s0, s1, s2, s3, kind, 0]
    }
}

/// A whole frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// With its message.
    Message(Header, Vec<u8>),
    /// One whose message is too long. It is thrown away.
    TooLong(Header),
}

/// Frames that come in pieces.
#[derive(Debug, Default)]
pub struct Incoming {
    /// The beginning of a frame that has not come in whole.
    bytes: Vec<u8>,
    /// How many of the next bytes are of a message that is thrown away.
    skipped: usize,
}

impl Incoming {
    /// Adds what was read, and hands over each frame that it completes.
    pub fn push(&mut self, mut read: &[u8], mut each: impl FnMut(Frame)) {
        self.skip(&mut read);
        self.bytes.extend_from_slice(read);
        let mut rest = self.bytes.as_slice();
        while let Some((&header, after)) = rest.split_first_chunk::<HEADER>() {
            let header = Header::of(header);
            let len = header.len as usize;
            if len > LIMIT {
                each(Frame::TooLong(header));
                let here = len.min(after.len());
                self.skipped = len - here;
                rest = after.get(here..).unwrap_or_default();
                continue;
            }
            let Some((message, after)) = after.split_at_checked(len) else {
                break;
            };
            each(Frame::Message(header, message.to_vec()));
            rest = after;
        }
        let consumed = self.bytes.len() - rest.len();
        if rest.is_empty() {
            // A connection without a frame under way has no memory.
            self.bytes = Vec::new();
        } else if consumed > 0 {
            self.bytes.drain(..consumed);
        }
    }

    fn skip(&mut self, read: &mut &[u8]) {
        let skipped = self.skipped.min(read.len());
        self.skipped -= skipped;
        *read = read.get(skipped..).unwrap_or_default();
    }
}

/// What is to be written, as far as it has not been.
#[derive(Debug, Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
}

impl Outgoing {
    /// Adds a frame. Answers whether it could be: its message may be too long.
    #[must_use]
    pub fn push(&mut self, stream: u32, kind: Kind, message: &impl Message) -> bool {
        let Some(len) =
            u32::try_from(message.encoded_len()).ok().filter(|len| *len as usize <= LIMIT)
        else {
            return false;
        };
        self.bytes.reserve_exact(HEADER + len as usize);
        self.bytes.extend_from_slice(&Header { len, stream, kind }.bytes());
        // A vector has room for everything.
        message.encode(&mut self.bytes).is_ok()
    }

    /// What is left.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// So much of it has been written.
    pub fn advance(&mut self, written: usize) {
        self.written += written;
        if self.rest().is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ttrpc::Response;

    fn frames(incoming: &mut Incoming, read: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        incoming.push(read, |frame| frames.push(frame));
        frames
    }

    /// Two requests, of 3 bytes and of none.
    const TWO: [u8; 23] =
        [0, 0, 0, 3, 0, 0, 0, 1, 1, 0, b'a', b'b', b'c', 0, 0, 0, 0, 0, 0, 1, 3, 1, 0];

    fn two() -> [Frame; 2] {
        let header = |len, stream| Header { len, stream, kind: Kind::Request };
        [Frame::Message(header(3, 1), b"abc".to_vec()), Frame::Message(header(0, 259), Vec::new())]
    }

    #[test]
    fn frames_come_out_whole_however_they_are_cut() {
        for at in 0..=TWO.len() {
            let mut incoming = Incoming::default();
            let (first, second) = TWO.split_at(at);
            let mut got = frames(&mut incoming, first);
            got.extend(frames(&mut incoming, second));
            assert_eq!(got, two(), "cut at {at}");
        }
        let mut incoming = Incoming::default();
        let got: Vec<_> = TWO.iter().flat_map(|byte| frames(&mut incoming, &[*byte])).collect();
        assert_eq!(got, two());
    }

    #[test]
    fn a_message_that_is_too_long_is_skipped_and_the_next_one_read() {
        let len = LIMIT + 1;
        let header = Header { len: u32::try_from(len).unwrap(), stream: 5, kind: Kind::Request };
        let bytes = [&header.bytes(), vec![7; len].as_slice(), &TWO].concat();
        for size in [1 << 20, 4096 + 7, bytes.len()] {
            let mut incoming = Incoming::default();
            let got: Vec<_> =
                bytes.chunks(size).flat_map(|part| frames(&mut incoming, part)).collect();
            let [first, second] = two();
            assert_eq!(got, [Frame::TooLong(header), first, second]);
            assert_eq!(incoming.bytes.capacity(), 0);
        }
    }

    #[test]
    fn a_message_of_exactly_the_limit_is_read() {
        let header = Header { len: u32::try_from(LIMIT).unwrap(), stream: 1, kind: Kind::Response };
        let bytes = [&header.bytes(), vec![1; LIMIT].as_slice()].concat();
        let got = frames(&mut Incoming::default(), &bytes);
        assert!(matches!(&got[..], [Frame::Message(_, message)] if message.len() == LIMIT));
    }

    #[test]
    fn a_frame_that_is_too_long_is_not_written() {
        let mut outgoing = Outgoing::default();
        let response = Response { status: None, payload: vec![0; LIMIT] };
        assert!(!outgoing.push(1, Kind::Response, &response));
        assert!(outgoing.rest().is_empty());
        assert!(outgoing.push(1, Kind::Response, &Response::default()));
        assert_eq!(outgoing.rest(), [0, 0, 0, 0, 0, 0, 0, 1, 2, 0]);
        outgoing.advance(3);
        assert_eq!(outgoing.rest(), [0, 0, 0, 0, 1, 2, 0]);
        outgoing.advance(7);
        assert_eq!(outgoing.bytes.capacity(), 0);
    }
}
