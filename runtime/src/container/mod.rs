//! The parent: one verb a file, each a function that reads like a table of contents.
//!
//! The life of a container, with what is on disk and in the kernel at each point, is in
//! ARCHITECTURE.md.

mod create;
mod delete;
mod explain;
mod gate;
mod grant;
mod identity;
mod interrupt;
mod kill;
mod list;
mod membership;
mod pidfile;
pub(crate) mod root;
mod seal;
mod spawn;
mod start;
mod state;
mod stop;

pub use create::{Create, create};
pub(crate) use create::{Prepared, Start, bring_up};
pub(crate) use delete::clean_up;
pub use delete::{Force, delete};
pub(crate) use grant::oom_score_of;
pub use kill::{Target, kill};
pub use list::{Row, list};
pub use root::Root;
pub use seal::{ensure_sealed, needs_sealing};
pub use start::start;
pub(crate) use state::{Kind, own_cgroup};
pub use state::{Report, State, Status, state};
pub use stop::stop;
pub(crate) use stop::{Stopping, ask, end};
