//! The start gate: from here on the container is created, and waits for `start`.

use super::Init;
use crate::link::{ToInit, ToParent};
use crate::plan::Stdio;
use crate::sys::{Result, file, process, socket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

/// Tells the parent that all is done, and waits: first until the state says so too,
/// then for `start`.
pub(super) fn wait(init: &Init<'_>) -> Result<()> {
    ToParent::Ready.send(init.link.as_fd())?;
    if ToInit::receive(init.link.as_fd())? != Some(ToInit::Created) {
        // The creator is gone before it could say that the container exists: then it must not.
        process::exit_now(1);
    }
    let Some(gate) = init.gate else { return Ok(()) };
    // The creator may now end, and its end of the link with it: nothing is read from it any more.
    loop {
        let start = socket::accept(gate.as_fd())?;
        match pass(init, &start) {
            Ok(true) => return Ok(()),
            // End of file: somebody only wanted to know whether anybody still waits here.
            Ok(false) => {}
            // The link leads nowhere any more.
            Err(error) => init.fail(error, start.as_fd()),
        }
    }
}

/// Whether the one who has connected wants the program to be executed. If so, it is behind the
/// descriptor that the link had: it waits for an answer.
fn pass(init: &Init<'_>, start: &OwnedFd) -> Result<bool> {
    let goes = ToInit::receive(start.as_fd())? == Some(ToInit::Go);
    if goes {
        file::replace(init.link.as_fd(), start.as_fd())?;
    }
    Ok(goes)
}

/// The first descriptor after stdin, stdout and stderr.
const AFTER_STDERR: RawFd = 3;

/// Where the program has the descriptor that it tells its readiness on.
const STORE: RawFd = 3;

/// Closes, and not only marks, what the program must not have.
pub(super) fn close_all_but_links(init: &Init<'_>) -> Result<()> {
    let store = init.sources.store.as_ref();
    if let Some(store) = store {
        file::dup_to(store.as_fd(), STORE)?;
    }
    let mut keep = [
        init.link.as_raw_fd(),
        init.gate.map_or(-1, AsRawFd::as_raw_fd),
        init.sources.program.as_ref().map_or(-1, AsRawFd::as_raw_fd),
        store.map_or(-1, |_| STORE),
    ];
    file::close_all_but(first_to_close(init), &mut keep)
}

/// Stdio is the program's own, as are the descriptors after it that it is to keep; or it has none.
pub(super) fn first_to_close(init: &Init<'_>) -> RawFd {
    match init.plan.process.stdio {
        Stdio::Inherited | Stdio::Terminal(_) => {
            AFTER_STDERR.saturating_add_unsigned(init.plan.process.preserved.number())
        }
        Stdio::Closed => 0,
    }
}
