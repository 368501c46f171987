//! How a process becomes the resident one that `start` has executed: sealed, in a session of its
//! own, the parent of its orphans, with its log where containerd reads it.

use super::args::Args;
use anyhow::{Context, Result};
use peapod::container::ensure_sealed;
use peapod::sys::{Errno, resident};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// As `ps` shows it, and whoever looks for shims: what fits of `containerd-shim-…`.
const NAME: &std::ffi::CStr = c"containerd-shim";

/// A fifo in the bundle, of which containerd keeps both ends open.
const LOG: &str = "log";

/// Becomes the shim, and answers with what it shall listen to. From now on what is written to
/// standard output and error is in containerd's log.
pub(super) fn settle(args: &Args) -> Result<UnixListener> {
    // Whoever has started this may have left something open.
    resident::close_inherited().context("what was inherited")?;
    // Containers are cloned from this process (CVE-2019-5736).
    ensure_sealed()?;
    resident::set_name(NAME).context("the name of the process")?;
    let listener = listener(args)?;
    match resident::new_session() {
        // Started by hand, it is the leader of a process group.
        Err(error) if error.errno() == Errno::EPERM => {}
        session => session.context("a session of its own")?,
    }
    resident::adopt_orphans().context("adopting orphans")?;
    open_log(args.bundle.as_deref().unwrap_or(Path::new("."))).context("the log")?;
    Ok(listener)
}

/// Standard input, as `start` has left it; or, by hand, a new socket.
fn listener(args: &Args) -> Result<UnixListener> {
    if let Some(path) = &args.socket {
        return UnixListener::bind(path).with_context(|| path.display().to_string());
    }
    let listener = io::stdin().as_fd().try_clone_to_owned().context("standard input")?;
    let nothing = File::open("/dev/null").context("/dev/null")?;
    resident::replace_input(nothing.as_fd()).context("standard input")?;
    let listener = UnixListener::from(listener);
    listener.local_addr().context("standard input is not what to listen to")?;
    Ok(listener)
}

/// Opened for reading, too, the fifo does not wait for a reader, and a write after containerd's end
/// is no error; and it never waits for room. Without one nothing is logged.
fn open_log(bundle: &Path) -> Result<()> {
    match resident::open_fifo(&bundle.join(LOG)) {
        Ok(log) => Ok(resident::replace_output(log.as_fd())?),
        Err(error) if io::Error::from(error.errno()).kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}
