//! The messages of containerd's interfaces, under the names and numbers of its `.proto` files
//! (containerd/api; googleapis; cgroups/v3). Only what is sent or read here.
//!
//! Written by hand: nobody who builds this needs `protoc`. What a newer containerd adds is skipped
//! when it is read.
#![allow(missing_docs, reason = "the fields are described in the .proto files, under these names")]
#![allow(clippy::struct_excessive_bools, reason = "the messages are as containerd has them")]

pub mod bootstrap;
pub mod cri;
pub mod events;
pub mod metrics;
pub mod runc;
pub mod sandbox;
pub mod task;
pub mod ttrpc;
pub mod types;
mod well_known;

pub use well_known::{Any, Empty, Named, Timestamp};

/// The type of a configuration of the runtime specification, as JSON (containerd, pkg/oci).
pub const SPEC: &str = "types.containerd.io/opencontainers/runtime-spec/1/Spec";

#[cfg(test)]
mod tests;
