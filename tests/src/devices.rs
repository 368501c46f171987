//! The device programs of a cgroup, asked for by bpf(2).
#![allow(unsafe_code, reason = "nix has no bpf")]

use crate::cgroup::Cgroup;
use anyhow::{Context, Result};
use nix::errno::Errno;
use std::fs::File;
use std::os::fd::AsRawFd;

const BPF_PROG_QUERY: i32 = 16;
const BPF_CGROUP_DEVICE: u32 = 6;

/// The ids of the programs that are attached to a cgroup itself.
///
/// # Errors
///
/// When the kernel does not say.
pub fn device_programs(cgroup: &Cgroup) -> Result<Vec<u32>> {
    let dir = File::open(cgroup.path())?;
    let mut ids = [0_u32; 64];
    // union bpf_attr, and room for what newer kernels write.
    let mut attributes = [0_u64; 32];
    let fd = u64::from(dir.as_raw_fd().cast_unsigned());
    attributes[0] = fd | u64::from(BPF_CGROUP_DEVICE) << 32;
    attributes[2] = ids.as_mut_ptr() as u64;
    attributes[3] = ids.len() as u64;
    let (pointer, size) = (attributes.as_mut_ptr(), size_of_val(&attributes));
    // SAFETY: the kernel writes into `attributes`, which is as long as is said, and into `ids`, of
    // which it is told the length there.
    let returned = unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_QUERY, pointer, size) };
    Errno::result(returned).with_context(|| format!("device programs of {:?}", cgroup.path()))?;
    let count = usize::try_from(attributes[3] & 0xffff_ffff)?;
    Ok(ids[..count.min(ids.len())].to_vec())
}
