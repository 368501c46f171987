//! The program's terminal: made in the container's own devpts, its one end for the program, the
//! other for the parent.

use super::{Init, root};
use crate::link::{ToInit, ToParent};
use crate::plan::{Root, Stdio};
use crate::sys::file::{self, OFlag, SFlag};
use crate::sys::terminal::{self, Pair};
use crate::sys::{Errno, Error, Result, descriptor, mount, process};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Makes the terminal and has it as stdio; the parent has the other end then. Without a terminal,
/// looks after the null device.
pub(super) fn open(init: &Init<'_>) -> Result<()> {
    match (&init.plan.process.stdio, &init.plan.root) {
        (Stdio::Terminal(_), _) => {}
        (Stdio::Inherited, Root::Directory { .. }) => return exchange_null(),
        (Stdio::Inherited | Stdio::Closed, _) => return Ok(()),
    }
    let top = root::top()?;
    let devpts = file::open_in_root(top.as_fd(), c"dev/pts", OFlag::O_PATH | OFlag::O_DIRECTORY)?;
    let Pair { master, slave } = terminal::open_pair(devpts.as_fd())?;
    if matches!(init.plan.root, Root::Directory { .. }) {
        bind_console(top.as_fd(), slave.as_fd())?;
    }
    ToParent::Terminal(master.as_raw_fd()).send(init.link.as_fd())?;
    if ToInit::receive(init.link.as_fd())? != Some(ToInit::Continue) {
        // The creator is gone.
        process::exit_now(1);
    }
    // At once: the stdio of the runtime's caller is not for those in the container to see.
    (0..3).try_for_each(|number| file::dup_to(slave.as_fd(), number))
}

/// Where stdio is the host's null device it becomes the container's: the program then has no file
/// of a mount that it cannot see, with which it could not be checkpointed.
fn exchange_null() -> Result<()> {
    const NULL: (u64, u64) = (1, 3);
    let is_null = |fd: BorrowedFd<'_>| {
        file::fstat(fd).is_ok_and(|stat| file::is_device(&stat, NULL.0, NULL.1))
    };
    let mut own = None;
    for (number, fd) in (0..).zip(descriptor::stdio()) {
        if !is_null(fd) {
            continue;
        }
        if own.is_none() {
            let top = root::top()?;
            // What stands there instead of it, if anything does, is not opened for its program.
            let found = file::open_in_root(top.as_fd(), c"dev/null", OFlag::O_PATH);
            let Some(_null) = found.ok().filter(|fd| is_null(fd.as_fd())) else { return Ok(()) };
            let opened = file::open_in_root(top.as_fd(), c"dev/null", OFlag::O_RDWR);
            let Some(null) = opened.ok().filter(|fd| is_null(fd.as_fd())) else { return Ok(()) };
            own = Some(null);
        }
        if let Some(own) = &own {
            file::dup_to(own.as_fd(), number)?;
        }
    }
    Ok(())
}

/// config.md, "process.terminal": `/dev/console` is the program's terminal. What is there in the
/// image may be covered, but never followed (CVE-2026-88264): a link there leads nowhere.
fn bind_console(top: BorrowedFd<'_>, slave: BorrowedFd<'_>) -> Result<()> {
    const NAME: &std::ffi::CStr = c"console";
    let dev = file::open_in_root(top, c"dev", OFlag::O_PATH | OFlag::O_DIRECTORY)?;
    let target = match file::open_beneath(dev.as_fd(), NAME, OFlag::O_PATH) {
        Err(error) if error.errno() == Errno::ENOENT => {
            file::mknodat(dev.as_fd(), NAME, SFlag::S_IFREG, 0o666, 0)?;
            file::open_beneath(dev.as_fd(), NAME, OFlag::O_PATH)
        }
        Err(error) if error.errno() == Errno::ELOOP => {
            let what = format_args!("\"/dev/console\" is a symbolic link");
            Err(Error::new("openat2", what, Errno::ELOOP))
        }
        opened => opened,
    }?;
    let console = mount::open_tree(slave, c"", mount::Depth::One)?;
    mount::move_mount(console.as_fd(), target.as_fd())
}

/// Lets the terminal control the session of the program.
pub(super) fn control(init: &Init<'_>) -> Result<()> {
    match init.plan.process.stdio {
        Stdio::Terminal(_) => terminal::set_controlling(descriptor::stdio()[0]),
        Stdio::Inherited | Stdio::Closed => Ok(()),
    }
}
