//! Where the other end of a program's terminal goes: to a socket of the caller's, or nowhere, since
//! this process itself passes on what goes in and out.

use crate::error::{Doing, Error, Result};
use crate::plan::{Plan, Stdio};
use crate::sys::{descriptor, socket, terminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What whoever receives a terminal is told that it is, as by other runtimes.
const NAME: &[u8] = b"/dev/ptmx";

/// `struct sockaddr_un` has room for that many bytes, and a NUL.
const LONGEST_PATH: usize = 107;

/// Whether the runtime stays as long as the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detach {
    /// It waits, passes signals on, and answers with the program's exit code.
    No,
    /// It ends when the program runs.
    Yes,
}

/// Who gets the terminal.
#[derive(Debug)]
pub(crate) enum Console {
    /// This process, if there is one.
    Here,
    /// Whoever listens at the console socket.
    There(OwnedFd),
}

impl Console {
    /// Connects to the console socket, if there is to be a terminal that needs one; in the words
    /// of runc, which its callers and tests look for.
    pub(super) fn open(plan: &Plan, socket: Option<&Path>, detach: Detach) -> Result<Self> {
        let has_terminal = matches!(plan.process.stdio, Stdio::Terminal(_));
        match (has_terminal && detach == Detach::Yes, socket) {
            (true, Some(path)) => connect("--console-socket", path).map(Self::There),
            (false, None) => Ok(Self::Here),
            (true, None) => {
                let reason =
                    "cannot allocate tty if runc will detach without setting console socket";
                Err(Error::unsupported("process.terminal", reason))
            }
            (false, Some(_)) => {
                let reason = "cannot use console socket if runc will not detach or allocate tty";
                Err(Error::unsupported("--console-socket", reason))
            }
        }
    }

    /// Passes a new terminal on; gives it back if it is for this process.
    pub(super) fn give(&self, plan: &Plan, terminal: OwnedFd) -> Result<Option<OwnedFd>> {
        if let Stdio::Terminal(Some(size)) = plan.process.stdio {
            terminal::set_size(terminal.as_fd(), size)
                .doing(|| "process.consoleSize".to_owned())?;
        }
        match self {
            Self::Here => {
                // Before the program runs, which may ask at once.
                fit(terminal.as_fd());
                Ok(Some(terminal))
            }
            Self::There(socket) => {
                let sent = socket::send_descriptor(socket.as_fd(), NAME, terminal.as_fd());
                sent.doing(|| "--console-socket".to_owned()).map(|()| None)
            }
        }
    }
}

/// Makes the program's terminal as large as this process's, if that has one.
pub(super) fn fit(terminal: BorrowedFd<'_>) {
    let [stdin, _, _] = descriptor::stdio();
    if let Ok(size) = terminal::size_of(stdin) {
        // The program may have gone meanwhile.
        let _ = terminal::set_size(terminal, size);
    }
}

/// Connects to the socket at `path`, which is the value of `option`.
pub(super) fn connect(option: &str, path: &Path) -> Result<OwnedFd> {
    if path.as_os_str().as_bytes().len() > LONGEST_PATH {
        let reason =
            format!("longer than {LONGEST_PATH} bytes, as long as the path of a socket is");
        return Err(Error::invalid(option, path.display(), reason));
    }
    socket::connect_stream(path).doing(|| format!("{option}: {}", path.display()))
}
