//! The command line, verb by verb, on real containers. Needs root.

mod create;
mod delete;
mod devices;
mod events;
mod exec;
mod exec_process;
mod hooks;
mod inside;
mod interrupted;
mod kill;
mod list;
mod mounts;
mod pause;
mod ps;
mod resume;
mod run;
mod sandbox;
mod sealed;
mod spec;
mod start;
mod state;
mod stop;
mod terminal;
mod time;
mod update;
mod user_namespace;
