//! How a call has failed.

use crate::proto;
use peapod::error::Error;
use std::error::Error as _;
use std::fmt;

/// gRPC's codes, of which containerd knows some by their meaning (containerd/errdefs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Code {
    /// Nobody knows.
    Unknown = 2,
    /// What was asked for makes no sense.
    InvalidArgument = 3,
    /// It took too long.
    DeadlineExceeded = 4,
    /// There is no such thing.
    NotFound = 5,
    /// There is such a thing already.
    AlreadyExists = 6,
    /// A message is too long.
    ResourceExhausted = 8,
    /// The thing is not in a state that allows it.
    FailedPrecondition = 9,
    /// There is no such call, or it is not for us.
    Unimplemented = 12,
    /// It went wrong.
    Internal = 13,
    /// Not now.
    Unavailable = 14,
}

impl Code {
    const ALL: [Self; 10] = [
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
    ];
}

/// A failure, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What the caller may do about it.
    pub code: Code,
    /// What was tried, and why it failed, in one line.
    pub message: String,
}

impl Status {
    /// A failure of the kind `code`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.message, self.code)
    }
}

impl std::error::Error for Status {}

impl From<&Error> for Status {
    fn from(error: &Error) -> Self {
        let code = match error {
            Error::NotFound(_) => Code::NotFound,
            Error::AlreadyExists(_) => Code::AlreadyExists,
            Error::WrongState(_) => Code::FailedPrecondition,
            Error::InvalidSpec { .. } => Code::InvalidArgument,
            Error::Unsupported { .. } => Code::Unimplemented,
            Error::Timeout(_) => Code::DeadlineExceeded,
            Error::Interrupted(_) => Code::Unavailable,
            Error::Init { .. } | Error::Hook(_) | Error::Kernel { .. } => Code::Unknown,
        };
        let message =
            error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
        Self { code, message }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<Status> for proto::ttrpc::Status {
    fn from(status: Status) -> Self {
        Self { code: status.code as i32, message: status.message, details: Vec::new() }
    }
}

impl From<proto::ttrpc::Status> for Status {
    fn from(status: proto::ttrpc::Status) -> Self {
        let code = Code::ALL.into_iter().find(|code| *code as i32 == status.code);
        Self { code: code.unwrap_or(Code::Unknown), message: status.message }
    }
}
