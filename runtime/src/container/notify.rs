//! `sd_notify(3)` for a container: it finds a socket of its own, and what it says of its readiness
//! goes on to whoever waits for this process, with the number that its first process has here.
//!
//! `<root>/<id>/notify/notify.sock`, in a directory that the container sees as `/run/notify`. The
//! socket is there as long as somebody listens.

use super::root::{Entry, ignore_missing};
use super::state::State;
use crate::error::{Doing, Result};
use crate::sys::poll;
use crate::sys::{self, Errno, file, socket};
use std::env;
use std::ffi::{CStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

pub(super) const DIRECTORY: &CStr = c"notify";
const SOCKET: &CStr = c"notify/notify.sock";

/// What systemd reads of one message (`NOTIFY_BUFFER_MAX`).
const LONGEST: usize = 4096;

/// How long the host may take to take notice of what it was told, as runc has it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The socket of a container, and that of the host.
#[derive(Debug)]
pub(super) struct Notify {
    inside: OwnedFd,
    host: OwnedFd,
    /// The first process of the container.
    pid: i32,
    init: OwnedFd,
}

/// Where this process's caller waits, if it does.
pub(super) fn host() -> Option<OsString> {
    env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty())
}

/// Makes the directory that the container sees; answers with it.
pub(super) fn make_directory(entry: &Entry) -> Result<OwnedFd> {
    let doing = || format!("{DIRECTORY:?} of container {}", entry.id());
    file::mkdirat(entry.as_fd(), DIRECTORY, 0o755).doing(doing)?;
    let flags = file::OFlag::O_PATH | file::OFlag::O_DIRECTORY;
    file::open_beneath(entry.as_fd(), DIRECTORY, flags).doing(doing)
}

/// Removes the directory from that of its container.
pub(super) fn remove(entry: BorrowedFd<'_>) -> sys::Result<()> {
    ignore_missing(file::unlinkat(entry, SOCKET))?;
    ignore_missing(file::rmdirat(entry, DIRECTORY))
}

impl Notify {
    /// Listens to the container of `state`, if that has such a directory and the caller waits.
    pub(super) fn open(entry: &Entry, state: &State) -> Result<Option<Self>> {
        let (Some(host), true) = (host(), state.is_notified) else { return Ok(None) };
        let doing = || format!("NOTIFY_SOCKET: {}", host.display());
        let Some(init) = &state.init else { return Ok(None) };
        let Some(pidfd) = init.open_alive()? else { return Ok(None) };
        let pid = init.pid;
        // Of a `start` that was killed.
        entry.unlink(SOCKET)?;
        let path = entry.short_path("notify/notify.sock");
        let inside = socket::bind_datagram(&path).doing(doing)?;
        // Whoever the container's program is.
        let all = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(&path, all)
            .map_err(|error| sys::error::from_io(&error, "chmod", format_args!("{SOCKET:?}")))
            .doing(doing)?;
        let host = socket::connect_datagram(&host).doing(doing)?;
        Ok(Some(Self { inside, host, pid, init: pidfd }))
    }

    /// Waits until the container is ready, or has ended.
    pub(super) fn wait(self) -> Result<()> {
        let doing = || "NOTIFY_SOCKET".to_owned();
        loop {
            let fds = [self.inside.as_fd(), self.init.as_fd()];
            let ready = poll::readable(&fds, None).doing(doing)?;
            // What it has said before it ended counts.
            let is_over = if ready[0] { self.turn()? == Said::Ready } else { ready[1] };
            if is_over {
                return Ok(());
            }
        }
    }

    /// Takes a message of the container, and passes on that it is ready.
    pub(super) fn turn(&self) -> Result<Said> {
        let doing = || "NOTIFY_SOCKET".to_owned();
        let mut message = [0; LONGEST];
        let read = match socket::recv_now(self.inside.as_fd(), &mut message) {
            Err(error) if error.errno() == Errno::EAGAIN => return Ok(Said::Other),
            read => read.doing(doing)?,
        };
        let mut lines = message[..read].split(|byte| *byte == b'\n');
        let Some(line) = lines.find(|line| line.starts_with(b"READY=")) else {
            return Ok(Said::Other);
        };
        self.tell(line).doing(doing)?;
        Ok(Said::Ready)
    }

    /// Says whom to watch from now on, too, and waits until that was heard: until then this
    /// process, which is known to be the caller's, must not end.
    fn tell(&self, line: &[u8]) -> sys::Result<()> {
        let host = self.host.as_fd();
        socket::send(host, &[line, b"\n"].concat())?;
        socket::send(host, format!("MAINPID={}\n", self.pid).as_bytes())?;
        let (here, there) = socket::pair()?;
        socket::send_descriptor(host, b"BARRIER=1", there.as_fd())?;
        drop(there);
        // Some do not know of barriers.
        poll::readable(&[here.as_fd()], Some(Instant::now() + PATIENCE)).map(drop)
    }
}

/// What a container has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Ready,
    Other,
}

/// Readable when the container has said something.
impl AsFd for Notify {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inside.as_fd()
    }
}
