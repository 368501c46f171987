//! Namespaces: joining them, leaving them, knowing one from another.

use super::error::{Result, check, explain};
use super::file::{self, owned};
use nix::fcntl::OFlag;
use nix::sched::CloneFlags;
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// `NS_GET_NSTYPE` of `ioctl_nsfs(2)`: the `CLONE_NEW*` bit of a namespace's kind. Linux 4.11.
const NS_GET_NSTYPE: libc::c_ulong = 0xb703;
/// `NS_GET_USERNS` of `ioctl_nsfs(2)`: a descriptor of the owner of a namespace. Linux 4.9.
const NS_GET_USERNS: libc::c_ulong = 0xb701;
const NSFS_MAGIC: i64 = 0x6e73_6673;

/// Linux 5.6; nix does not know it. clone3 and unshare take it, clone does not.
pub(crate) const CLONE_NEWTIME: CloneFlags = CloneFlags::from_bits_retain(0x80);

/// Joins the namespace `fd`, which must be of the kind `kind`.
pub(crate) fn setns(fd: BorrowedFd<'_>, kind: CloneFlags) -> Result<()> {
    let joined = nix::sched::setns(fd, kind);
    explain(joined, "setns", format_args!("{}, {kind:?}", fd.as_raw_fd()))
}

pub(crate) fn unshare(kind: CloneFlags) -> Result<()> {
    explain(nix::sched::unshare(kind), "unshare", format_args!("{kind:?}"))
}

/// The `CLONE_NEW*` bit of the namespace that `fd` is, or `None` if it is something else.
pub(crate) fn kind_of(fd: BorrowedFd<'_>) -> Result<Option<CloneFlags>> {
    if file::filesystem_magic(fd)? != NSFS_MAGIC {
        return Ok(None);
    }
    // SAFETY: NS_GET_NSTYPE takes no argument and changes nothing.
    let kind = unsafe { libc::ioctl(fd.as_raw_fd(), NS_GET_NSTYPE) };
    check(kind.into(), "ioctl", format_args!("{}, NS_GET_NSTYPE", fd.as_raw_fd()))?;
    Ok(Some(CloneFlags::from_bits_retain(kind)))
}

/// The user namespace that owns the namespace `fd`.
pub(crate) fn owner(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    // SAFETY: NS_GET_USERNS takes no argument, and returns a new descriptor.
    let owner = unsafe { libc::ioctl(fd.as_raw_fd(), NS_GET_USERNS) };
    check(owner.into(), "ioctl", format_args!("{}, NS_GET_USERNS", fd.as_raw_fd())).map(owned)
}

/// Whether the namespace `fd` is owned by the user namespace `user`.
pub(crate) fn is_owned_by(fd: BorrowedFd<'_>, user: BorrowedFd<'_>) -> Result<bool> {
    let (owner, user) = (file::fstat(owner(fd)?.as_fd())?, file::fstat(user)?);
    Ok((owner.st_dev, owner.st_ino) == (user.st_dev, user.st_ino))
}

/// Runs `act` inside the mount namespace `other`, and comes back to the caller's namespace, root
/// and directory.
pub(crate) fn within_mount_namespace<T>(
    other: BorrowedFd<'_>,
    act: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let path = OFlag::O_PATH | OFlag::O_DIRECTORY;
    let home = file::open(c"/proc/self/ns/mnt", OFlag::O_RDONLY)?;
    let root = file::open(c"/", path)?;
    let cwd = file::open(c".", path)?;
    setns(other, CloneFlags::CLONE_NEWNS)?;
    let result = act();
    setns(home.as_fd(), CloneFlags::CLONE_NEWNS)?;
    file::fchdir(root.as_fd())?;
    file::chroot(c".")?;
    file::fchdir(cwd.as_fd())?;
    result
}

/// Runs `act` inside the network namespace `other`, and comes back.
pub(crate) fn within_network_namespace<T>(
    other: BorrowedFd<'_>,
    act: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let home = file::open(c"/proc/self/ns/net", OFlag::O_RDONLY)?;
    setns(other, CloneFlags::CLONE_NEWNET)?;
    let result = act();
    setns(home.as_fd(), CloneFlags::CLONE_NEWNET)?;
    result
}

pub(crate) fn sethostname(name: &CStr) -> Result<()> {
    // SAFETY: `name` has `count_bytes` bytes, and the kernel copies them.
    let returned = unsafe { libc::sethostname(name.as_ptr(), name.count_bytes()) };
    check(returned.into(), "sethostname", format_args!("{name:?}")).map(drop)
}

pub(crate) fn setdomainname(name: &CStr) -> Result<()> {
    // SAFETY: as for `sethostname`.
    let returned = unsafe { libc::setdomainname(name.as_ptr(), name.count_bytes()) };
    check(returned.into(), "setdomainname", format_args!("{name:?}")).map(drop)
}

/// Brings up `lo`, which is down in a new network namespace.
pub(crate) fn bring_up_loopback() -> Result<()> {
    // SAFETY: only numbers are passed.
    let returned = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    let socket: OwnedFd = owned(check(returned.into(), "socket", format_args!("AF_INET"))?);
    let mut name = [0; libc::IFNAMSIZ];
    for (to, from) in name.iter_mut().zip(c"lo".to_bytes()) {
        *to = from.cast_signed();
    }
    let flags = libc::IFF_UP | libc::IFF_RUNNING;
    let request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_flags: libc::c_short::try_from(flags).unwrap_or_default(),
        },
    };
    // SAFETY: SIOCSIFFLAGS reads an ifreq with a name and flags, which `request` is.
    let returned =
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    check(returned.into(), "ioctl", format_args!("SIOCSIFFLAGS, \"lo\", IFF_UP")).map(drop)
}
