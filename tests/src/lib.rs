//! The harness: what the integration tests share.
//!
//! A test makes a [`Root`], which is a state directory of its own, and [`Bundle`]s in it; runs
//! `peapod` there; and looks at the [`Container`]s and [`Sandbox`]es that come of it. Whatever is
//! left when the root is dropped is deleted. Every wait is on a descriptor and has a deadline.
//!
//! Tests need root and a cgroup v2 tree; `scripts/test.sh` gives them both. The environment names
//! the programs: `PEAPOD`, `PEAPOD_BUNDLES`, `PEAPOD_TEST_PROGRAMS`, and `RUNTIME` where another
//! runtime is put to the same tests.

mod agent;
mod bundle;
mod cgroup;
mod container;
mod devices;
mod leftovers;
mod machine;
mod peers;
mod process;
mod profile;
mod root;
mod run;
mod sandbox;
mod session;
mod terminal;
mod trace;
mod wait;

pub use agent::{Agent, Notified, Waiting};
pub use bundle::Bundle;
pub use cgroup::Cgroup;
pub use container::Container;
pub use devices::device_programs;
pub use machine::{is_long, is_peapod, peapod, program, runtime, skipped};
pub use peers::{Kernel, Outcome, Peers};
pub use process::{NAMESPACES, Process, children, field_of, namespace};
pub use profile::default_profile;
pub use root::Root;
pub use run::{Output, Running};
pub use sandbox::Sandbox;
pub use session::Session;
pub use terminal::{ConsoleSocket, Terminal};
pub use trace::{Call, Fault, Traced};
pub use wait::{DEADLINE, file_with, readable};
