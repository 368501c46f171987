//! What a user namespace takes that only its parent can do, before the clone and once it exists.

use super::sources::BindSource;
use crate::error::{Doing, Error, Result};
use crate::plan::ids::{self, IdMap, map_file};
use crate::plan::{IdMapped, IdMaps, Namespaces, Plan, User};
use crate::sys::file::{self, OFlag};
use crate::sys::mount::{self, Attributes, Depth, MOUNT_ATTR_IDMAP, MOUNT_ATTR_RDONLY, MS_SLAVE};
use crate::sys::process::{self, Birth, Child, CloneFlags, Cloned, clone3, exit_now};
use crate::sys::{self, Errno, namespace, socket};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

const FIELD: &str = "linux.namespaces[user]";

/// How a container gets its sysfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sysfs {
    New,
    /// It is that of the host: a new one shows the network namespace, and only the user namespace
    /// that owns it may mount it.
    Bound,
}

/// Writes the maps of the user namespace of `pid`, which has none yet.
pub(crate) fn write_maps(maps: &IdMaps, pid: i32) -> sys::Result<()> {
    for (name, list) in [("gid_map", &maps.gids), ("uid_map", &maps.uids)] {
        let path = CString::new(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let file = file::open(&path, OFlag::O_WRONLY)?;
        file::write(file.as_fd(), map_file(list).as_bytes())?;
    }
    Ok(())
}

/// Makes sure that a user namespace which others made has the ids that it is said to have, and
/// those that the container needs.
pub(super) fn check(plan: &Plan, joins: &[OwnedFd]) -> Result<()> {
    let User::Joined(claimed) = &plan.namespaces.user else { return Ok(()) };
    let Some(user) = joined(&plan.namespaces, joins, CloneFlags::CLONE_NEWUSER) else {
        return Ok(());
    };
    let maps = maps_of(user).doing(|| FIELD.to_owned())?;
    if let Some(claimed) = claimed {
        for (field, claimed, has) in [
            ("linux.uidMappings", &claimed.uids, &maps.uids),
            ("linux.gidMappings", &claimed.gids, &maps.gids),
        ] {
            if claimed != has {
                let reason = format!("that which is joined has {}", ids::listed(has));
                return Err(Error::invalid(field, ids::listed(claimed), reason));
            }
        }
    }
    plan.process.identity.must_be_mapped(&maps)
}

/// Whether the network namespace is one that the container's user namespace does not own.
pub(super) fn must_bind_sysfs(namespaces: &Namespaces, joins: &[OwnedFd]) -> Result<Sysfs> {
    let network = CloneFlags::CLONE_NEWNET;
    if !namespaces.user.is_own() || namespaces.new.contains(network) {
        return Ok(Sysfs::New);
    }
    let user = joined(namespaces, joins, CloneFlags::CLONE_NEWUSER);
    let (Some(user), Some(network)) = (user, joined(namespaces, joins, network)) else {
        return Ok(Sysfs::Bound);
    };
    let is_owned = namespace::is_owned_by(network, user).doing(|| FIELD.to_owned())?;
    Ok(if is_owned { Sysfs::New } else { Sysfs::Bound })
}

/// The host's sysfs, with all that is mounted there, read-only.
pub(super) fn sysfs() -> Result<BindSource> {
    let source = BindSource::open(Path::new("/sys"), Depth::Recursive)?;
    // Nor may it be a peer of the host's: what is mounted on it inside would show there.
    let propagation = MS_SLAVE;
    let own = Attributes { set: MOUNT_ATTR_RDONLY, propagation, ..Attributes::default() };
    mount::mount_setattr(source.mount.as_fd(), Depth::Recursive, &own)
        .doing(|| "sysfs of the host".to_owned())?;
    Ok(source)
}

/// Lets mounts show their files with other owners, where that is asked for. The maps that a mount
/// takes over are those of a user namespace, which may be gone afterwards.
pub(super) fn map_mounts(
    plan: &Plan,
    joins: &[OwnedFd],
    sources: &[Option<BindSource>],
) -> Result<()> {
    for (planned, source) in plan.mounts.iter().zip(sources) {
        let (Some(ids), Some(source)) = (&planned.ids, source) else { continue };
        let field = || format!("mounts: {:?}", planned.target.path);
        let made;
        let user = match (&ids.maps, plan.namespaces.user.maps()) {
            (Some(maps), _) | (None, Some(maps)) => {
                made = with_maps(maps).doing(field)?;
                made.as_fd()
            }
            (None, None) => match joined(&plan.namespaces, joins, CloneFlags::CLONE_NEWUSER) {
                Some(user) => user,
                None => continue,
            },
        };
        map_mount(source.mount.as_fd(), ids, user).map_err(|error| match error.errno() {
            Errno::EINVAL => {
                let kind = file_system(source.mount.as_fd());
                Error::unsupported(field(), format!("{kind} cannot be mounted with other owners"))
            }
            _ => Error::Kernel { doing: field(), source: error },
        })?;
    }
    Ok(())
}

fn map_mount(mount: BorrowedFd<'_>, ids: &IdMapped, user: BorrowedFd<'_>) -> sys::Result<()> {
    let depth = if ids.recursive { Depth::Recursive } else { Depth::One };
    let userns = u64::try_from(user.as_raw_fd()).unwrap_or_default();
    let mapped = Attributes { set: MOUNT_ATTR_IDMAP, userns, ..Attributes::default() };
    mount::mount_setattr(mount, depth, &mapped)
}

/// What kind of file system something is on, as `/proc/filesystems` calls it.
fn file_system(fd: BorrowedFd<'_>) -> String {
    let find = || {
        let stat = file::fstat(fd).ok()?;
        let device = file::device_name(&stat);
        let mounts = procfs::process::Process::myself().ok()?.mountinfo().ok()?;
        mounts.into_iter().find(|mount| mount.majmin == device).map(|mount| mount.fs_type)
    };
    find().unwrap_or_else(|| "its file system".to_owned())
}

/// The namespace of that kind that is joined.
fn joined<'a>(
    namespaces: &Namespaces,
    joins: &'a [OwnedFd],
    kind: CloneFlags,
) -> Option<BorrowedFd<'a>> {
    let at = namespaces.join.iter().position(|join| join.kind == kind)?;
    joins.get(at).map(AsFd::as_fd)
}

/// A user namespace with these maps.
pub(crate) fn with_maps(maps: &IdMaps) -> sys::Result<OwnedFd> {
    inside(
        CloneFlags::CLONE_NEWUSER,
        || Ok(()),
        |pid| {
            write_maps(maps, pid)?;
            let path = CString::new(format!("/proc/{pid}/ns/user")).unwrap_or_default();
            file::open(&path, OFlag::O_RDONLY)
        },
    )
}

/// The maps of a user namespace, in ids of this process's own.
fn maps_of(user: BorrowedFd<'_>) -> sys::Result<IdMaps> {
    let enter = || namespace::setns(user, CloneFlags::CLONE_NEWUSER);
    inside(CloneFlags::empty(), enter, |pid| {
        Ok(IdMaps { uids: read_map(pid, "uid_map")?, gids: read_map(pid, "gid_map")? })
    })
}

fn read_map(pid: i32, name: &str) -> sys::Result<Vec<IdMap>> {
    let path = CString::new(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let text = file::read_to_end(file::open(&path, OFlag::O_RDONLY)?, MAP_LIMIT)?;
    let text = String::from_utf8_lossy(&text);
    let numbers: Vec<u32> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let range = |three: &[u32]| IdMap { container: three[0], host: three[1], size: three[2] };
    Ok(numbers.chunks_exact(3).map(range).collect())
}

/// The kernel pads each number to ten digits: 340 lines of 33.
const MAP_LIMIT: usize = 16 << 10;

/// Does something with a process that does nothing but exist, where `enter` leads it.
fn inside<T>(
    new: CloneFlags,
    enter: impl FnOnce() -> sys::Result<()>,
    act: impl FnOnce(i32) -> sys::Result<T>,
) -> sys::Result<T> {
    let (here, there) = socket::pair()?;
    let child: Child = match clone3(Birth { flags: new, cgroup: None })? {
        Cloned::Parent(child) => child,
        Cloned::Child => {
            let entered = file::dup_to(there.as_fd(), 0)
                .and_then(|()| enter())
                .map_or_else(|error| error.errno() as i32, |()| 0);
            let _ = socket::send(there.as_fd(), &entered.to_le_bytes());
            // The parent closes its end once it has what it came for.
            let _ = file::close_all_but(1, &mut [])
                .and_then(|()| socket::recv(std::io::stdin().as_fd(), &mut [0]));
            exit_now(0)
        }
    };
    drop(there);
    let mut answer = [0; 4];
    let received = socket::recv(here.as_fd(), &mut answer)?;
    let result = match i32::from_le_bytes(answer) {
        0 if received == answer.len() => act(child.pid),
        errno => Err(sys::Error::from_parts("setns", "CLONE_NEWUSER", errno)),
    };
    drop(here);
    process::wait(child.as_fd())?;
    result
}
