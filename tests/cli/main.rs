//! The command line, verb by verb, on real containers. Needs root.

mod create;
mod delete;
mod exec;
mod hooks;
mod inside;
mod interrupted;
mod kill;
mod list;
mod mounts;
mod run;
mod sandbox;
mod sealed;
mod start;
mod state;
mod stop;
mod time;
mod user_namespace;
