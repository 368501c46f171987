//! The kernel: one file per family of calls, under the kernel's own names. The only module
//! with `unsafe`.
//!
//! Nothing in the files that `init` uses allocates: paths are C strings, and an [`Error`] holds its
//! text inline, so that a process between clone and exec may fail with the same words as any other.
#![allow(unsafe_code, reason = "this is where the system calls are; each block argues its own")]

pub(crate) mod bpf;
pub(crate) mod descriptor;
pub(crate) mod directory;
pub(crate) mod entry;
pub(crate) mod environment;
pub mod epoll;
pub(crate) mod error;
pub(crate) mod file;
pub mod fork;
pub(crate) mod identity;
pub(crate) mod keyring;
pub(crate) mod mount;
pub mod mount_by_path;
pub(crate) mod namespace;
pub(crate) mod netlink;
pub mod pipe;
pub(crate) mod poll;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod regex;
pub mod resident;
pub(crate) mod schedule;
pub(crate) mod seccomp;
pub(crate) mod signal;
pub(crate) mod socket;
pub mod start;
pub(crate) mod stat;
pub(crate) mod terminal;

pub use error::{Error, Result};
pub use nix::errno::Errno;
