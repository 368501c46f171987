//! Labels of `AppArmor` and `SELinux`, which the kernel gives to the program when it is executed.
//!
//! They are written through the host's procfs, which the parent has opened and made sure of: what
//! the container has at `/proc` could swallow them (CVE-2019-16884), or lead them to another file
//! (CVE-2025-52881).

use super::{Init, procfs};
use crate::error::{Doing, Error as Refusal, Result as Checked};
use crate::plan::Labels;
use crate::sys::file::{self, OFlag};
use crate::sys::{Errno, Error, Result};
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

/// `SELINUX_MAGIC` of include/uapi/linux/magic.h.
const SELINUX_MAGIC: i64 = 0xf97c_ff8c;

/// Makes sure that the host knows what is asked for; answers with its procfs, if that is needed.
pub(super) fn open(labels: &Labels, mount_label: bool) -> Checked<Option<OwnedFd>> {
    if labels.apparmor.is_some() && !has_apparmor() {
        let reason = "AppArmor is not enabled on this host";
        return Err(Refusal::unsupported("process.apparmorProfile", reason));
    }
    let has_selinux = || has_selinux().doing(|| "/sys/fs/selinux".to_owned());
    for (field, is_asked) in
        [("process.selinuxLabel", labels.selinux.is_some()), ("linux.mountLabel", mount_label)]
    {
        if is_asked && !has_selinux()? {
            return Err(Refusal::unsupported(field, "SELinux is not enabled on this host"));
        }
    }
    if labels.is_empty() { Ok(None) } else { hosts_procfs().map(Some) }
}

/// The procfs of the host.
pub(super) fn hosts_procfs() -> Checked<OwnedFd> {
    let doing = || "/proc".to_owned();
    let opened = file::open(c"/proc", OFlag::O_PATH | OFlag::O_DIRECTORY).doing(doing)?;
    if file::filesystem_magic(opened.as_fd()).doing(doing)? != procfs::MAGIC {
        return Err(Refusal::unsupported("labels", "procfs is not mounted at /proc"));
    }
    Ok(opened)
}

fn has_apparmor() -> bool {
    let enabled = std::fs::read("/sys/module/apparmor/parameters/enabled");
    enabled.is_ok_and(|text| text.starts_with(b"Y"))
}

/// Its file system is there even without a policy, but only mounted where there is one.
fn has_selinux() -> Result<bool> {
    match file::open(c"/sys/fs/selinux", OFlag::O_PATH | OFlag::O_DIRECTORY) {
        Err(error) if error.errno() == Errno::ENOENT => Ok(false),
        opened => Ok(file::filesystem_magic(opened?.as_fd())? == SELINUX_MAGIC),
    }
}

/// Early, since where nothing is masked yet both modules are reached; in the process that
/// becomes the program, or in the one that clones it, which hands them down.
pub(super) fn ask(init: &Init<'_>) -> Result<()> {
    let labels = &init.plan.process.labels;
    if let Some(command) = &labels.apparmor {
        // Without the directory of its own, which came with Linux 5.8, there is one module.
        match write(init, c"thread-self/attr/apparmor/exec", command) {
            Err(error) if error.errno() == Errno::ENOENT => {
                write(init, c"thread-self/attr/exec", command)?;
            }
            written => written?,
        }
    }
    labels.selinux.as_ref().map_or(Ok(()), |label| write(init, c"thread-self/attr/exec", label))
}

/// Lets the keys that are made meanwhile have the label of the container.
pub(super) fn with_key_label(init: &Init<'_>, act: impl FnOnce() -> Result<()>) -> Result<()> {
    const KEYS: &CStr = c"thread-self/attr/keycreate";
    let Some(label) = &init.plan.process.labels.selinux else { return act() };
    write(init, KEYS, label)?;
    act()?;
    write(init, KEYS, c"\n")
}

fn write(init: &Init<'_>, path: &CStr, text: &CStr) -> Result<()> {
    let Some(procfs) = &init.sources.procfs else {
        return Err(Error::new("openat2", format_args!("no procfs"), Errno::EBADF));
    };
    let opened = file::open_in_root(procfs.as_fd(), path, OFlag::O_WRONLY)?;
    file::write(opened.as_fd(), text.to_bytes())
}
