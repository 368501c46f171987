//! Limits, read back from a kernel that has the cgroup v2 controllers; and, on that kernel, the pod
//! and profiles of `AppArmor`.
//!
//! `scripts/test.sh` runs this under User-Mode-Linux: Linux 6.1, the oldest that peapod promises to
//! run on. With `PEAPOD_LIMITS_OPTIONAL=1`, a kernel without controllers skips what needs them.

mod apparmor;
mod events;
mod files;
mod met;
mod pod;
mod systemd;
mod update;

use anyhow::{Result, ensure};
use std::env;
use tests::{Cgroup, skipped};

const CONTROLLERS: [&str; 4] = ["cpu", "io", "memory", "pids"];

/// Whether this kernel has what the limits need. Where it has not, that is an error, unless it was
/// said to be expected.
fn has_controllers(test: &str) -> Result<bool> {
    let found = Cgroup::at("")?.read("cgroup.controllers")?;
    let is_there = |name: &&str| found.split_whitespace().any(|other| other == *name);
    let missing: Vec<_> = CONTROLLERS.iter().filter(|name| !is_there(name)).collect();
    if missing.is_empty() {
        return Ok(true);
    }
    let message = format!("the cgroup v2 tree has no {missing:?} here, but {found:?}");
    ensure!(env::var_os("PEAPOD_LIMITS_OPTIONAL").is_some(), "{message}: see scripts/test.sh");
    skipped(test, &message)?;
    Ok(false)
}
