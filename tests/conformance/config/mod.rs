//! config.md.

mod annotations;
mod capabilities;
mod extensibility;
mod hooks;
mod hostname;
mod linux_process;
mod mount_options;
mod mounts;
mod posix_process;
mod process;
mod recursive_mount_options;
mod root;
mod specification_version;
mod user;
mod valid_values;
