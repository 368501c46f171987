//! peapod: an OCI runtime that knows pods.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`container`] | the verbs: create, start, state, kill, stop, delete, list |
//! | `features` | what this program can do, as runtime-spec's features.md has it |
//! | [`sandbox`] | a pod's pause process, its namespaces and its cgroup |
//! | `spec` | config.json, loaded and checked |
//! | `plan` | what is to be done: owned, complete, made without touching the system |
//! | `init` | the child, from clone to exec: the plan, step by step, without an allocation |
//! | `cgroup` | cgroup version 2 |
//! | `link` | what parent and child say to each other |
//! | `sys` | system calls; the only `unsafe` |
//!
//! A module uses only those below it. The life of a container: `create` loads the spec, builds a
//! plan, reserves the id, makes the cgroup, and clones a process that walks the plan and then
//! waits; `start` lets it execute the program.

mod cgroup;
pub mod container;
pub mod error;
mod features;
mod init;
mod link;
mod plan;
pub mod sandbox;
pub use features::features;
pub use plan::seccomp::program_of as seccomp_program;
pub use spec::{Owner, signal, template};
mod spec;
pub mod sys;
