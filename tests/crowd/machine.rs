//! What a machine has of things that a runtime could leave behind.
#![allow(unsafe_code, reason = "nix has no bpf(2)")]

use anyhow::{Result, ensure};
use nix::errno::Errno;
use std::fs;

/// Numbers of kernel objects, of the whole machine or of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    descriptors: usize,
    mounts: usize,
    programs: usize,
    keys: usize,
}

impl Machine {
    pub(crate) fn now() -> Result<Self> {
        Ok(Self {
            descriptors: fs::read_dir("/proc/self/fd")?.count(),
            mounts: fs::read_to_string("/proc/self/mountinfo")?.lines().count(),
            programs: bpf_programs()?,
            keys: keys_of_root()?,
        })
    }

    /// Makes sure that after `count` containers there is no more of anything. Others change what
    /// belongs to the whole machine, too, and other tests this process; but not by one for each
    /// container.
    pub(crate) fn is_as_before(&self, before: &Self, count: usize) -> Result<()> {
        let said = || format!("before: {before:?}, after {count} containers: {self:?}");
        ensure!(self.descriptors < before.descriptors + count / 4, "descriptors; {}", said());
        ensure!(self.mounts <= before.mounts, "mounts; {}", said());
        ensure!(self.programs < before.programs + count / 4, "BPF programs; {}", said());
        ensure!(self.keys < before.keys + count / 4, "keys; {}", said());
        Ok(())
    }
}

/// proc_key-users(5): uid, usage, number of keys and of instantiated keys, ...
fn keys_of_root() -> Result<usize> {
    let text = fs::read_to_string("/proc/key-users").unwrap_or_default();
    let row = text.lines().find_map(|line| line.trim_start().strip_prefix("0:"));
    let keys = row.and_then(|row| row.split_whitespace().nth(1)?.split('/').next()?.parse().ok());
    Ok(keys.unwrap_or(0))
}

/// How many BPF programs the kernel holds, by `BPF_PROG_GET_NEXT_ID`.
fn bpf_programs() -> Result<usize> {
    const BPF_PROG_GET_NEXT_ID: i32 = 11;
    // The whole union bpf_attr: some kernels write beyond the part that they are told of.
    let mut attributes = [0_u32; 64];
    for count in 0.. {
        // SAFETY: the kernel reads and writes at most the size that it is given, which is that
        // of the array.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                BPF_PROG_GET_NEXT_ID,
                attributes.as_mut_ptr(),
                size_of_val(&attributes),
            )
        };
        match Errno::result(result) {
            Ok(_) => attributes[0] = attributes[1],
            // The last one, or a kernel or a user without BPF.
            Err(Errno::ENOENT | Errno::EPERM | Errno::ENOSYS) => return Ok(count),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(0)
}
