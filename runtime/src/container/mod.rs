//! The parent: one verb a file, each a function that reads like a table of contents.
//!
//! The life of a container, with what is on disk and in the kernel at each point, is in
//! ARCHITECTURE.md.

mod agent;
mod console;
mod create;
mod delete;
mod descriptors;
mod events;
mod exec;
mod existing;
mod explain;
mod filter;
mod foreground;
mod freeze;
mod gate;
mod grant;
mod hooks;
mod identity;
mod interrupt;
mod kill;
mod list;
mod membership;
mod pidfd_socket;
mod pidfile;
mod processes;
pub(crate) mod root;
mod run;
mod seal;
mod spawn;
mod start;
mod state;
mod statistics;
mod stop;
mod supervised;
mod update;
mod wait;

pub use crate::spec::exec::{Changes, User};
pub use crate::spec::source::Config;
pub(crate) use console::Console;
pub use console::Detach;
pub use create::{Create, create, dry_run};
pub(crate) use create::{Prepared, Start, bring_up};
pub(crate) use delete::clean_up;
pub use delete::{Force, delete};
pub use events::{Happening, Watch};
pub use exec::{Exec, Program, exec};
pub use existing::Paused;
pub use freeze::{freeze, thaw};
pub(crate) use grant::oom_score_of;
pub use kill::{Target, kill};
pub use list::{Row, list, matching};
pub use processes::processes;
pub use root::Root;
pub use run::{Run, Running, exit_code_of, run};
pub use seal::{ensure_sealed, needs_sealing};
pub use start::start;
pub(crate) use state::{Kind, own_cgroup};
pub use state::{Report, State, Status, state};
pub use statistics::{Statistics, statistics};
pub use stop::stop;
pub(crate) use stop::{Stopping, ask, end};
pub use supervised::{Supervised, create_supervised, exec_supervised};
pub use update::update;
pub use wait::wait;
