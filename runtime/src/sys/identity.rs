//! Who a process is: ids, capabilities, limits, and what it can never get back.

use super::error::{Error, Result, check, explain};
use nix::errno::Errno;
use nix::sys::prctl;
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

/// Takes every capability that `keep` lacks out of the bounding set, those included that only a
/// newer kernel knows.
pub(crate) fn limit_bounding_set(keep: u64) -> Result<()> {
    for capability in (0..u64::BITS).filter(|capability| keep & (1 << capability) == 0) {
        match prctl(libc::PR_CAPBSET_DROP, capability.into(), 0, "PR_CAPBSET_DROP") {
            // Past the last one.
            Err(error) if error.errno() == Errno::EINVAL => break,
            dropped => dropped?,
        }
    }
    Ok(())
}

/// Makes the ambient set `mask`.
pub(crate) fn set_ambient(mask: u64) -> Result<()> {
    let clear = libc::PR_CAP_AMBIENT_CLEAR_ALL.cast_unsigned().into();
    prctl(libc::PR_CAP_AMBIENT, clear, 0, "PR_CAP_AMBIENT_CLEAR_ALL")?;
    let raise = libc::PR_CAP_AMBIENT_RAISE.cast_unsigned().into();
    for capability in (0..u64::BITS).filter(|capability| mask & (1 << capability) != 0) {
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

/// Hides this process's memory, root and descriptors from all but `CAP_SYS_PTRACE` (CVE-2016-9962).
/// Children inherit it; execve ends it.
pub(crate) fn set_not_dumpable() -> Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0, 0, "PR_SET_DUMPABLE")
}

fn prctl(option: libc::c_int, a: libc::c_ulong, b: libc::c_ulong, name: &str) -> Result<()> {
    const NONE: libc::c_ulong = 0;
    // SAFETY: the options that this file passes take numbers only.
    let returned = unsafe { libc::prctl(option, a, b, NONE, NONE) };
    check(returned.into(), "prctl", format_args!("{name}, {a}, {b}")).map(drop)
}

/// The user and the group that this process acts as.
pub(crate) fn effective_ids() -> (u32, u32) {
    (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw())
}

/// The ids of a process: real, and effective and saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) real: u32,
    pub(crate) effective: u32,
}

impl Ids {
    pub(crate) fn all(id: u32) -> Self {
        Self { real: id, effective: id }
    }
}

/// Becomes the user `uid` of the group `gid` with the supplementary `groups`, or those that this
/// process has, and makes sure of it.
///
/// The raw calls: libc's own signal every thread, which a process between clone and exec does not
/// have.
pub(crate) fn become_user(uid: Ids, gid: Ids, groups: Option<&[u32]>) -> Result<()> {
    if let Some(groups) = groups {
        // SAFETY: the kernel reads `len` ids from `groups`.
        let returned = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
        check(returned, "setgroups", format_args!("{groups:?}"))?;
    }
    let Ids { real, effective } = gid;
    // SAFETY: only numbers are passed.
    let returned = unsafe { libc::syscall(libc::SYS_setresgid, real, effective, effective) };
    check(returned, "setresgid", format_args!("{real}, {effective}, {effective}"))?;
    let Ids { real, effective } = uid;
    // SAFETY: only numbers are passed.
    let returned = unsafe { libc::syscall(libc::SYS_setresuid, real, effective, effective) };
    check(returned, "setresuid", format_args!("{real}, {effective}, {effective}"))?;
    let is = |id: Ids, real: u32, effective: u32| (id.real, id.effective) == (real, effective);
    // An id of u32::MAX means "leave as it is" and succeeds: a container would run as root.
    if is(uid, nix::unistd::getuid().as_raw(), nix::unistd::geteuid().as_raw())
        && is(gid, nix::unistd::getgid().as_raw(), nix::unistd::getegid().as_raw())
    {
        return Ok(());
    }
    Err(Error::new("setresuid", format_args!("{uid:?}, {gid:?}: not changed"), Errno::EPERM))
}

/// `RLIMIT_SIGPENDING` and no limit, of prlimit(2).
pub(crate) const SIGPENDING: u32 = libc::RLIMIT_SIGPENDING;
pub(crate) const UNLIMITED: u64 = libc::RLIM_INFINITY;

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
    // SAFETY: both structs have the layout of rlimit64; `wanted` may be null; the kernel
    // writes only `old`.
    let returned =
        unsafe { libc::syscall(libc::SYS_prlimit64, pid, resource, wanted, &raw mut old) };
    check(returned, "prlimit64", format_args!("{pid}, {resource}, {new:?}"))?;
    Ok(old)
}

pub(crate) fn set_name(name: &CStr) -> Result<()> {
    explain(prctl::set_name(name), "prctl", format_args!("PR_SET_NAME, {name:?}"))
}
