//! Pods: what containers of one share, how they live together, and how all of it ends. Needs root.

mod by_path;
mod end;
mod gone;
mod ipc;
mod namespaces;
mod pause;
mod processes;
