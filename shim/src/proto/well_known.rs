//! `google.protobuf`: the messages that others are made of.

use prost::{DecodeError, Message};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A message that is sent as an [`Any`].
pub trait Named: Message + Default {
    /// What containerd calls it: the full name, without a host before it (containerd/typeurl).
    const URL: &str;
}

/// A message of any type.
#[derive(Clone, PartialEq, Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

impl Any {
    /// `message`, with its name.
    pub fn pack<T: Named>(message: &T) -> Self {
        Self { type_url: T::URL.to_owned(), value: message.encode_to_vec() }
    }

    /// The message, if it is one of this type.
    ///
    /// # Errors
    ///
    /// If it says that it is, and is not.
    pub fn unpack<T: Named>(&self) -> Result<Option<T>, DecodeError> {
        if self.is(T::URL) { T::decode(self.value.as_slice()).map(Some) } else { Ok(None) }
    }

    /// Whether this is its type, with or without a host before it.
    #[must_use]
    pub fn is(&self, url: &str) -> bool {
        let before = self.type_url.strip_suffix(url);
        before.is_some_and(|host| host.is_empty() || host.ends_with('/'))
    }
}

/// A moment, since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Timestamp {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl From<SystemTime> for Timestamp {
    /// A moment before 1970 becomes its first.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanos: since.subsec_nanos().cast_signed(),
        }
    }
}

/// Nothing to say.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Empty {}
