//! Who a process is: ids, capabilities, limits, and what it can never get back.

use super::error::{Error, Result, check, explain};
use nix::errno::Errno;
use std::ffi::CStr;

/// The five capability sets, each a mask with bit `1 << CAP_*`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) bounding: u64,
    pub(crate) effective: u64,
    pub(crate) inheritable: u64,
    pub(crate) permitted: u64,
    pub(crate) ambient: u64,
}

const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Default)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The lower and upper half of a mask, as capset takes them.
fn halves(mask: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = mask.to_le_bytes();
    [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
}

/// Sets permitted, effective and inheritable in one call.
pub(crate) fn capset(sets: &Capabilities) -> Result<()> {
    let (effective, permitted, inheritable) =
        (halves(sets.effective), halves(sets.permitted), halves(sets.inheritable));
    let data = [0, 1].map(|half| CapabilityData {
        effective: effective[half],
        permitted: permitted[half],
        inheritable: inheritable[half],
    });
    let header = CapabilityHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    // SAFETY: version 3 reads one header and two data structs, which both have their C layout.
    let returned = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
    check(returned, "capset", format_args!("{sets:x?}")).map(drop)
}

/// Takes every capability that `keep` lacks, up to `last`, out of the bounding set.
pub(crate) fn limit_bounding_set(keep: u64, last: u8) -> Result<()> {
    for capability in 0..=last {
        if keep & (1 << capability) == 0 {
            prctl(libc::PR_CAPBSET_DROP, capability.into(), 0, "PR_CAPBSET_DROP")?;
        }
    }
    Ok(())
}

/// Makes the ambient set `mask`.
pub(crate) fn set_ambient(mask: u64, last: u8) -> Result<()> {
    let clear = libc::PR_CAP_AMBIENT_CLEAR_ALL.cast_unsigned().into();
    prctl(libc::PR_CAP_AMBIENT, clear, 0, "PR_CAP_AMBIENT_CLEAR_ALL")?;
    let raise = libc::PR_CAP_AMBIENT_RAISE.cast_unsigned().into();
    for capability in (0..=last).filter(|capability| mask & (1 << capability) != 0) {
        prctl(libc::PR_CAP_AMBIENT, raise, capability.into(), "PR_CAP_AMBIENT_RAISE")?;
    }
    Ok(())
}

/// Whether the next change of the user id keeps the permitted set.
pub(crate) fn set_keepcaps(keep: bool) -> Result<()> {
    prctl(libc::PR_SET_KEEPCAPS, keep.into(), 0, "PR_SET_KEEPCAPS")
}

pub(crate) fn set_no_new_privs() -> Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, "PR_SET_NO_NEW_PRIVS")
}

/// Hides this process's memory, root and descriptors from all but `CAP_SYS_PTRACE` (CVE-2016-9962). Children inherit
/// it; execve ends it.
pub(crate) fn set_not_dumpable() -> Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0, 0, "PR_SET_DUMPABLE")
}

fn prctl(option: libc::c_int, a: libc::c_ulong, b: libc::c_ulong, name: &str) -> Result<()> {
    const NONE: libc::c_ulong = 0;
    // SAFETY: the options that this file passes take numbers only.
    let returned = unsafe { libc::prctl(option, a, b, NONE, NONE) };
    check(returned.into(), "prctl", format_args!("{name}, {a}, {b}")).map(drop)
}

/// Becomes `uid` and `gid` with the supplementary groups `groups`, and makes sure of it.
///
/// The raw calls: libc's own signal every thread, which a process between clone and exec does not have.
pub(crate) fn become_user(uid: u32, gid: u32, groups: &[u32]) -> Result<()> {
    // SAFETY: the kernel reads `len` ids from `groups`.
    let returned = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
    check(returned, "setgroups", format_args!("{groups:?}"))?;
    // SAFETY: only numbers are passed.
    let returned = unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) };
    check(returned, "setresgid", format_args!("{gid}, {gid}, {gid}"))?;
    // SAFETY: only numbers are passed.
    let returned = unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) };
    check(returned, "setresuid", format_args!("{uid}, {uid}, {uid}"))?;
    // An id of u32::MAX means "leave as it is" and succeeds: a container would run as root.
    let (now_uid, now_gid) = (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw());
    if (now_uid, now_gid) == (uid, gid) {
        return Ok(());
    }
    Err(Error::new("setresuid", format_args!("{uid}: still {now_uid}:{now_gid}"), Errno::EPERM))
}

/// A resource limit: soft and hard value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Limit {
    pub(crate) soft: u64,
    pub(crate) hard: u64,
}

/// Reads the limit `resource` of the process `pid` (0: this one) and, if `new` is given, sets it.
pub(crate) fn prlimit(pid: i32, resource: u32, new: Option<&Limit>) -> Result<Limit> {
    let mut old = Limit { soft: 0, hard: 0 };
    let wanted = new.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: both structs have the layout of rlimit64; `wanted` may be null; the kernel writes only `old`.
    let returned =
        unsafe { libc::syscall(libc::SYS_prlimit64, pid, resource, wanted, &raw mut old) };
    check(returned, "prlimit64", format_args!("{pid}, {resource}, {new:?}"))?;
    Ok(old)
}

pub(crate) fn set_name(name: &CStr) -> Result<()> {
    explain(nix::sys::prctl::set_name(name), "prctl", format_args!("PR_SET_NAME, {name:?}"))
}
