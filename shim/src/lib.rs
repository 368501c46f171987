//! The shim: the resident process of a pod, one thread around one loop.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`containerd`] | the program that containerd executes: its arguments, `start`, `-info` |
//! | [`events`] | what happens, told to containerd in order |
//! | [`ttrpc`] | containerd's remote calls: frames, a server's connection, a client's |
//! | [`proto`] | the messages |
//!
//! A module uses only those below it, and of the runtime what its library shows. Nothing here
//! blocks, but for `start` and `-info`, which are over in milliseconds.
#![forbid(unsafe_code)]

pub mod containerd;
mod creator;
mod event_loop;
pub mod events;
mod io;
mod log;
mod logs;
mod metrics;
pub mod proto;
mod reaper;
pub mod ttrpc;
