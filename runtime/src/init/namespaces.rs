//! Namespaces: joining those of others, and naming one's own.

use super::{Init, labels};
use crate::link::ToParent;
use crate::plan::{Root, Time};
use crate::sys::file::{self, OFlag};
use crate::sys::mount::{self, Attributes, Depth, MS_SLAVE};
use crate::sys::namespace::CLONE_NEWTIME;
use crate::sys::process::CloneFlags;
use crate::sys::{Result, identity, keyring, namespace};
use std::os::fd::AsFd;

/// Joins what the plan names, but for the PID namespace, which only a child can be in.
pub(super) fn join(init: &Init<'_>) -> Result<()> {
    // Modes are those of the plan, whatever the caller's mask is.
    file::umask(0);
    let namespaces = &init.plan.namespaces;
    init.each(&namespaces.join, |number, join| {
        namespace::setns(init.sources.joins[number].as_fd(), join.kind)
    })?;
    if let (Some(process), false) = (&init.sources.process, namespaces.of_process.is_empty()) {
        namespace::setns(process.as_fd(), namespaces.of_process)?;
    }
    if namespaces.user.is_own() {
        // Entering a user namespace may reset this.
        identity::set_not_dumpable()?;
    }
    Ok(())
}

/// Makes a time namespace, moves its clocks, and enters it: the first process in it is the last
/// that could move them.
///
/// By the host's procfs, as long as this process has the ids that its files there belong to.
pub(super) fn time(init: &Init<'_>) -> Result<()> {
    let Some(Time(offsets)) = &init.plan.namespaces.time else { return Ok(()) };
    namespace::unshare(CLONE_NEWTIME)?;
    if !offsets.is_empty() {
        let file = file::open(c"/proc/self/timens_offsets", OFlag::O_WRONLY)?;
        file::write(file.as_fd(), offsets)?;
    }
    let made = file::open(c"/proc/self/ns/time_for_children", OFlag::O_RDONLY)?;
    namespace::setns(made.as_fd(), CLONE_NEWTIME)
}

/// Leaves the parent's cgroup namespace, and what it shares of mounts.
pub(super) fn isolate(init: &Init<'_>) -> Result<()> {
    if init.plan.namespaces.unshare_cgroup {
        namespace::unshare(CloneFlags::CLONE_NEWCGROUP)?;
    }
    if matches!(init.plan.root, Root::Directory { .. } | Root::Empty { .. }) {
        // What is mounted here from now on must not show on the host, and pivot_root refuses a
        // shared parent.
        let root = file::open(c"/", OFlag::O_PATH)?;
        let slave = Attributes { propagation: MS_SLAVE, ..Attributes::default() };
        mount::mount_setattr(root.as_fd(), Depth::Recursive, &slave)?;
    }
    Ok(())
}

/// Early: the kernel keeps what it asks for on a process's behalf there, too.
pub(super) fn keyring(init: &Init<'_>) -> Result<()> {
    let Some(name) = init.plan.keyring.as_deref() else { return Ok(()) };
    labels::with_key_label(init, || keyring::join_session(name))
}

/// In a new network namespace `lo` is down, and 127.0.0.1 unreachable.
pub(super) fn loopback(init: &Init<'_>) -> Result<()> {
    if init.plan.namespaces.new.contains(CloneFlags::CLONE_NEWNET) {
        namespace::bring_up_loopback()?;
    }
    Ok(())
}

/// Devices of the host come from the parent: this process may not reach that any more.
pub(super) fn devices(init: &Init<'_>) -> Result<()> {
    if init.plan.net_devices.is_empty() {
        return Ok(());
    }
    ToParent::NetDevices.send(init.link.as_fd())?;
    init.wait_for_parent()
}

pub(super) fn names(init: &Init<'_>) -> Result<()> {
    if let Some(name) = &init.plan.hostname {
        namespace::sethostname(name)?;
    }
    if let Some(name) = &init.plan.domainname {
        namespace::setdomainname(name)?;
    }
    Ok(())
}
