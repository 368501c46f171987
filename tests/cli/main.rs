//! The command line, verb by verb, on real containers. Needs root.

mod create;
mod delete;
mod exec;
mod exec_process;
mod inside;
mod interrupted;
mod kill;
mod list;
mod run;
mod sandbox;
mod sealed;
mod start;
mod state;
mod stop;
mod terminal;
