//! runtime.md.

mod create;
mod delete;
mod errors;
mod kill;
mod lifecycle;
mod start;
mod state;
