//! Gives a group to a user, who may then make groups in it (cgroup-v2.rst, "Delegation").

use super::group::{Cgroup, c_name};
use crate::error::{Doing, Result};
use crate::sys::{Errno, file};
use std::fs;

/// The files that are given too, as the kernel lists them. Linux 4.14.
const LIST: &str = "/sys/kernel/cgroup/delegate";

/// Those that there were before the list.
const FALLBACK: &str = "cgroup.procs cgroup.subtree_control cgroup.threads";

/// `chown(2)`: of the group.
const NO_CHANGE: u32 = u32::MAX;

impl Cgroup {
    /// Makes the user `owner` the owner of the group and of what is delegated of it: not of its
    /// limits.
    pub(crate) fn delegate(&self, owner: u32) -> Result<()> {
        let doing = || self.doing(&format!("delegating it to the user {owner}"));
        let list = fs::read_to_string(LIST);
        file::fchownat(self.fd(), c".", owner, NO_CHANGE).doing(doing)?;
        for name in list.as_deref().unwrap_or(FALLBACK).split_whitespace() {
            match file::fchownat(self.fd(), &c_name(name), owner, NO_CHANGE) {
                // Of a controller that this group does not have.
                Err(error) if error.errno() == Errno::ENOENT => {}
                given => given.doing(doing)?,
            }
        }
        Ok(())
    }
}
