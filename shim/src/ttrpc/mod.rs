//! ttrpc: containerd's remote procedure calls over a stream socket (containerd/ttrpc, PROTOCOL.md).
//!
//! A message is a header of ten bytes and a protobuf message. Only calls with one answer are
//! spoken; nobody opens a stream to a shim that has not said that it has some.

mod client;
mod connection;
pub mod frame;
mod status;
mod stream;

pub use client::{Answer, Client};
pub use connection::{Call, Connection};
pub use status::{Code, Status};

/// The metadata of a call that names containerd's namespace.
const NAMESPACE: &str = "containerd-namespace-ttrpc";

/// Whether a connection is of further use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// It is.
    Open,
    /// The peer is gone, or has broken the protocol. What it asked for before is still there.
    Closed,
}

#[cfg(test)]
mod tests;
