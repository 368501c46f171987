//! CRIU as a process: `criu swrk 3`, which does one thing that it is asked for over descriptor 3.

use super::super::interrupt::Interrupt;
use super::rpc::{NOTIFY, Notification, Opts, Request, Response};
use crate::error::{Doing, Error, Result};
use crate::sys::file::{self, OFlag};
use crate::sys::mount::{self, Attributes, Depth, MS_PRIVATE};
use crate::sys::process::{self, Birth, Child, CloneFlags, Cloned, Strings, clone3};
use crate::sys::{self, namespace, poll, socket};
use prost::Message;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The link, in CRIU.
const LINK: i32 = 3;

/// The first of the descriptors that it inherits; the others follow.
pub(super) const FIRST_INHERITED: i32 = 4;

/// Responses are short; CRIU's longest has an error text in it.
const PACKET: usize = 64 << 10;

/// CRIU's log has a line for each thing that it does; the errors are few, and the last is only
/// that it failed.
const ERROR_LINE: &str = "Error (";

/// Where CRIU is to be.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// The cgroup that it is born in.
    pub(super) cgroup: Option<BorrowedFd<'a>>,
    /// The namespaces that are its own, the cgroup namespace below that cgroup.
    pub(super) new: CloneFlags,
    /// What is a mount for it, in a mount namespace of its own.
    pub(super) root: Option<&'a CStr>,
    /// What it has from [`FIRST_INHERITED`] on.
    pub(super) inherited: Vec<BorrowedFd<'a>>,
}

impl Place<'_> {
    /// Where this process is.
    pub(super) fn here() -> Self {
        Self { cgroup: None, new: CloneFlags::empty(), root: None, inherited: Vec::new() }
    }
}

/// A CRIU at work. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Service {
    link: OwnedFd,
    child: Child,
}

/// A notification that needs something done before CRIU goes on.
pub(super) struct Notified {
    pub(super) what: Notification,
    pub(super) descriptor: Option<OwnedFd>,
}

impl Service {
    pub(super) fn start(place: &Place<'_>) -> Result<Self> {
        let doing = || "executing criu".to_owned();
        let path = program()?;
        let argv = [c"criu", c"swrk", c"3"].map(CStr::to_owned);
        let argv = Strings::new(argv.to_vec());
        let envp = Strings::new(environment());
        let (ours, theirs) = socket::pair().doing(doing)?;
        let null = file::open(c"/dev/null", OFlag::O_RDWR).doing(doing)?;
        let (theirs, null) = (file::lift(theirs).doing(doing)?, file::lift(null).doing(doing)?);
        let mut inherited = Vec::new();
        for fd in &place.inherited {
            let copy = sys::descriptor::duplicate(*fd).and_then(file::lift).doing(doing)?;
            inherited.push(copy);
        }
        let birth = Birth { flags: CloneFlags::empty(), cgroup: place.cgroup };
        match clone3(birth).doing(doing)? {
            Cloned::Parent(child) => Ok(Self { link: ours, child }),
            Cloned::Child => {
                let _error = become_criu(place, &theirs, &null, &inherited)
                    .map(|()| process::execve(&path, &argv, &envp));
                process::exit_now(127)
            }
        }
    }

    /// Asks for something, and waits until it is done; `on` hears what CRIU tells of meanwhile.
    pub(super) fn ask(
        &self,
        (kind, opts, log): (i32, Opts, &Path),
        interrupt: &Interrupt,
        mut on: impl FnMut(Notified) -> Result<()>,
    ) -> Result<Response> {
        self.send(&Request { r#type: kind, opts: Some(opts), notify_success: None })?;
        loop {
            let (response, descriptor) = self.receive(interrupt)?;
            match response.notify {
                Some(what) if response.r#type == NOTIFY => {
                    on(Notified { what, descriptor })?;
                    let notify_success = Some(true);
                    self.send(&Request { r#type: NOTIFY, opts: None, notify_success })?;
                }
                _ if response.success => return Ok(response),
                _ => return Err(failed(&response, log)),
            }
        }
    }

    /// Waits for its end.
    pub(super) fn end(self) -> Result<()> {
        process::wait(self.child.as_fd()).doing(|| "criu".to_owned()).map(drop)
    }

    fn send(&self, request: &Request) -> Result<()> {
        socket::send(self.link.as_fd(), &request.encode_to_vec()).doing(|| "criu".to_owned())
    }

    fn receive(&self, interrupt: &Interrupt) -> Result<(Response, Option<OwnedFd>)> {
        let doing = || "criu".to_owned();
        let ready = poll::readable(&[self.link.as_fd(), interrupt.as_fd()], None).doing(doing)?;
        if ready[1] {
            return Err(Interrupt::error());
        }
        let mut packet = vec![0; PACKET];
        let received = socket::recv_from_process(self.link.as_fd(), &mut packet).doing(doing)?;
        let odd = |reason: String| Error::unsupported("criu", reason);
        if received.len == 0 {
            return Err(odd("it has ended without an answer".to_owned()));
        }
        let response = Response::decode(&packet[..received.len]);
        Ok((response.map_err(|error| odd(error.to_string()))?, received.descriptor))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended, and been reaped.
        let _ = process::pidfd_send_signal(self.child.as_fd(), process::SIGKILL);
        let _ = process::wait(self.child.as_fd());
    }
}

fn become_criu(
    place: &Place<'_>,
    link: &OwnedFd,
    null: &OwnedFd,
    inherited: &[OwnedFd],
) -> sys::Result<()> {
    process::reset_signals()?;
    namespace::unshare(place.new)?;
    if let Some(root) = place.root {
        namespace::unshare(CloneFlags::CLONE_NEWNS)?;
        let all = file::open(c"/", OFlag::O_PATH)?;
        let private = Attributes { propagation: MS_PRIVATE, ..Attributes::default() };
        mount::mount_setattr(all.as_fd(), Depth::Recursive, &private)?;
        let directory = file::open(root, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        let copy = mount::open_tree(directory.as_fd(), c"", Depth::Recursive)?;
        mount::move_mount(copy.as_fd(), directory.as_fd())?;
    }
    for number in 0..LINK {
        file::dup_to(null.as_fd(), number)?;
    }
    file::dup_to(link.as_fd(), LINK)?;
    let mut next = FIRST_INHERITED;
    for fd in inherited {
        file::dup_to(fd.as_fd(), next)?;
        next += 1;
    }
    file::close_all_but(next, &mut [])
}

/// Where the program is, by `PATH`.
fn program() -> Result<CString> {
    let directories = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&directories).map(|directory| directory.join("criu"));
    let path = found.find_map(|path| {
        let path = CString::new(path.as_os_str().as_bytes()).ok()?;
        file::is_executable(&path).is_ok().then_some(path)
    });
    path.ok_or_else(|| Error::unsupported("criu", "executable file not found in $PATH"))
}

fn environment() -> Vec<CString> {
    let variables = std::env::vars_os().map(|(name, value)| {
        [name.as_os_str().as_bytes(), b"=", value.as_os_str().as_bytes()].concat()
    });
    variables.filter_map(|variable| CString::new(variable).ok()).collect()
}

/// Why CRIU failed, as it says itself, or else its log.
fn failed(response: &Response, log: &Path) -> Error {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find(|line| line.contains(ERROR_LINE) && !line.contains("rlimit:"));
    let said = line.or(response.cr_errmsg.as_deref()).unwrap_or("no reason given").trim();
    let number = response.cr_errno.map(|number| format!(" (errno {number})")).unwrap_or_default();
    Error::unsupported("criu", format!("failed: {said}{number} (log: {})", log.display()))
}
