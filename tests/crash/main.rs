//! What is left when the runtime is killed, or when the kernel refuses it something, at any of its
//! system calls. Needs root.
//!
//! By default every call of a sample that begins at random is tried; with `PEAPOD_LONG` all are.
//! The moments of `random` are tried against another runtime with `RUNTIME`.

mod fail;
mod kill;
mod operation;
mod random;
