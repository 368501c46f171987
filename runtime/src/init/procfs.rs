//! procfs: the container's own, which shows its PID namespace, and a private one for sysctls.

use super::{Init, mounts};
use crate::plan::{Parameter, Plan, Root};
use crate::sys::file::{self, OFlag};
use crate::sys::mount::Filesystem;
use crate::sys::process::{self, Birth, CloneFlags, Cloned, clone3, exit_now};
use crate::sys::{Errno, Error, Result, namespace, socket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};

/// `PROC_SUPER_MAGIC` of include/uapi/linux/magic.h.
pub(super) const MAGIC: i64 = 0x9fa0;

/// A procfs that shows the PID namespace of the container.
pub(super) fn mount(init: &Init<'_>, parameters: &[Parameter], attributes: u64) -> Result<OwnedFd> {
    let make = |pidns: Option<_>| {
        let procfs = Filesystem::open(c"proc")?;
        mounts::configure(&procfs, parameters)?;
        if let Some(pidns) = pidns {
            procfs.set_fd(c"pidns", pidns)?;
        }
        procfs.mount(attributes)
    };
    if !init.joins_pid_namespace() {
        return make(None);
    }
    if init.sources.procfs_takes_pidns() {
        return make(Some(init.sources.pid_namespace()?));
    }
    if init.plan.namespaces.user.is_own() {
        return made_by_twin(init, || make(None));
    }
    made_inside(init, || make(None))
}

/// The same as [`made_inside`] in a user namespace, where this process may not take descriptors of
/// a child that is not dumpable: they have the same ones. Those who see the child there have no
/// capability outside of their user namespace, which it would take to look at them.
///
/// KERNEL(6.17): as below.
fn made_by_twin(init: &Init<'_>, make: impl Fn() -> Result<OwnedFd>) -> Result<OwnedFd> {
    let (here, there) = socket::pair()?;
    namespace::setns(init.sources.pid_namespace()?, CloneFlags::CLONE_NEWPID)?;
    let child = match clone3(Birth { flags: CloneFlags::CLONE_FILES, cgroup: None })? {
        Cloned::Parent(child) => child,
        Cloned::Child => {
            let answer =
                make().map_or_else(|error| -(error.errno() as i32), IntoRawFd::into_raw_fd);
            let _ = socket::send(there.as_fd(), &answer.to_le_bytes());
            exit_now(0)
        }
    };
    process::wait(child.as_fd())?;
    // Only now, since this is the child's end too.
    drop(there);
    let this = process::pidfd_open(process::this_pid())?;
    take(here.as_fd(), this.as_fd())
}

/// Takes the descriptor whose number comes from `here` from the process `owner`.
fn take(here: BorrowedFd<'_>, owner: BorrowedFd<'_>) -> Result<OwnedFd> {
    let mut answer = [0; 4];
    let received = socket::recv(here, &mut answer)?;
    match i32::from_le_bytes(answer) {
        number if received == 4 && number >= 0 => process::pidfd_getfd(owner, number),
        number if received == 4 => Err(Error::from_parts("fsopen", "\"proc\" inside", -number)),
        _ => Err(Error::new("fsopen", format_args!("\"proc\" inside: it died"), Errno::ECHILD)),
    }
}

/// Lets a child inside the PID namespace make a descriptor: a procfs shows the namespace that its
/// maker is *active* in, which is not the one that a process has joined for its children.
///
/// The others there see the child, and with `CAP_SYS_PTRACE` its descriptors: it holds but one
/// socket and what it makes. It tells when it is done, and the descriptor is taken from it.
///
/// KERNEL(6.17): not needed any more, procfs takes the namespace as an option.
fn made_inside(init: &Init<'_>, make: impl Fn() -> Result<OwnedFd>) -> Result<OwnedFd> {
    let (here, there) = socket::pair()?;
    // Not undone: the last process is to be born there too, and nothing else is cloned before.
    namespace::setns(init.sources.pid_namespace()?, CloneFlags::CLONE_NEWPID)?;
    let child = match clone3(Birth { flags: CloneFlags::empty(), cgroup: None })? {
        Cloned::Parent(child) => child,
        Cloned::Child => {
            let answer = file::close_all_but(0, &mut [there.as_raw_fd()])
                .and_then(|()| make())
                // Kept open until it is taken: nothing here closes a raw descriptor.
                .map_or_else(|error| -(error.errno() as i32), IntoRawFd::into_raw_fd);
            let _ = socket::send(there.as_fd(), &answer.to_le_bytes());
            // The parent closes its end once it has what it came for.
            let _ = socket::recv(there.as_fd(), &mut [0]);
            exit_now(0)
        }
    };
    drop(there);
    let made = take(here.as_fd(), child.as_fd());
    drop(here);
    process::wait(child.as_fd())?;
    made
}

/// Whether sysctls are written where a procfs cannot be mounted: in a user namespace the kernel
/// allows it only to those who see one already, and pause sees none. The host's shows whoever looks
/// the sysctls of its own namespaces, and in pause's root there is nobody to stand in for anything.
pub(super) fn is_out_of_sight(plan: &Plan) -> bool {
    let is_empty = matches!(plan.root, Root::Empty { .. });
    !plan.sysctls.is_empty() && is_empty && plan.namespaces.user.is_own()
}

/// Writes sysctls through a procfs of this process's own, which nothing in the root can stand in
/// for (CVE-2025-52881), while it is privileged and before `/proc/sys` is read-only.
pub(super) fn sysctls(init: &Init<'_>) -> Result<()> {
    if init.plan.sysctls.is_empty() {
        return Ok(());
    }
    let own;
    let procfs = match &init.sources.procfs {
        Some(hosts) if is_out_of_sight(init.plan) => hosts.as_fd(),
        _ => {
            own = Filesystem::open(c"proc")?.mount(0)?;
            own.as_fd()
        }
    };
    init.each(&init.plan.sysctls, |_, (path, value)| {
        let file = file::open_beneath(procfs, path, OFlag::O_WRONLY)?;
        file::write(file.as_fd(), value.to_bytes())
    })
}
