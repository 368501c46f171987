//! A program in the foreground: this process waits for its end, passes on the signals that it gets,
//! and what goes in and out of its terminal.

use super::console::{self, Detach};
use super::notify::{Notify, Said};
use crate::error::{Doing, Result};
use crate::sys::poll::{self, Interest};
use crate::sys::process::{self, Child};
use crate::sys::signal::{SIGCHLD, SIGPIPE, SIGWINCH, Signals};
use crate::sys::terminal::{self, Raw};
use crate::sys::{self, Errno, descriptor};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// What is passed on at a time.
const CHUNK: usize = 8192;

/// How long a process takes at most from its death to being a zombie.
const PATIENCE: Duration = Duration::from_secs(1);

/// No process has that number.
const NOBODY: i32 = 0;

/// What reaches this process, if it is to stay in the foreground.
pub(super) fn signals(detach: Detach) -> Result<Option<Signals>> {
    match detach {
        Detach::No => Signals::block().map(Some).doing(|| "signals".to_owned()),
        Detach::Yes | Detach::Supervised => Ok(None),
    }
}

/// Waits until `child` has ended; answers with its exit code, or 128 and the signal that ended it.
pub(super) fn wait(
    child: &Child,
    signals: &Signals,
    terminal: Option<OwnedFd>,
    mut notify: Option<Notify>,
) -> Result<u8> {
    let doing = || "waiting for the program".to_owned();
    let mut relay = terminal.map(Relay::new).transpose().doing(|| "the terminal".to_owned())?;
    loop {
        let mut watched = vec![(child.as_fd(), Interest::Read), (signals.as_fd(), Interest::Read)];
        watched.extend(notify.iter().map(|notify| (notify.as_fd(), Interest::Read)));
        watched.extend(relay.iter().flat_map(Relay::interests));
        let ready = poll::ready(&watched).doing(doing)?;
        if ready[0] {
            break;
        }
        if ready[1] {
            pass_on(signals, child, relay.as_ref()).doing(doing)?;
        }
        if let Some(container) = &notify
            && ready[2]
            && !matches!(container.turn(), Ok(Said::Other))
        {
            // It is said once; and if it cannot be said, the container runs all the same.
            notify = None;
        }
        if let Some(relay) = &mut relay {
            relay.turn();
        }
    }
    if let Some(relay) = &mut relay {
        relay.drain();
    }
    process::wait(child.as_fd()).doing(doing).map(process::exit_code)
}

/// Reaps what this process has become the parent of, now that all of it is about to end.
pub(super) fn reap(signals: &Signals) -> Result<()> {
    let doing = || "reaping".to_owned();
    let deadline = Instant::now() + PATIENCE;
    while process::reap_all_but(NOBODY).doing(doing)? {
        if !poll::readable(&[signals.as_fd()], Some(deadline)).doing(doing)?[0] {
            break;
        }
        while signals.next().doing(doing)?.is_some() {}
    }
    Ok(())
}

fn pass_on(signals: &Signals, child: &Child, relay: Option<&Relay>) -> sys::Result<()> {
    while let Some(signal) = signals.next()? {
        match (signal, relay) {
            (SIGCHLD, _) => drop(process::reap_all_but(child.pid)?),
            (SIGWINCH, Some(relay)) => console::fit(relay.terminal.as_fd()),
            // From writing to whoever does not read this process's output any more.
            (SIGPIPE, _) => {}
            _ => match process::pidfd_send_signal(child.as_fd(), signal) {
                Err(error) if error.errno() == Errno::ESRCH => {}
                sent => sent?,
            },
        }
    }
    Ok(())
}

/// Between this process's stdio and the program's terminal.
#[derive(Debug)]
struct Relay {
    input: File,
    output: File,
    terminal: File,
    /// Typed, but not yet read by the program.
    typed: Vec<u8>,
    has_input: bool,
    has_output: bool,
    _raw: Option<Raw<'static>>,
}

impl Relay {
    fn new(terminal: OwnedFd) -> sys::Result<Self> {
        descriptor::set_nonblocking(terminal.as_fd())?;
        let [stdin, stdout, _] = descriptor::stdio();
        let raw = if terminal::is_terminal(stdin) { Some(Raw::set(stdin)?) } else { None };
        let relay = Self {
            input: descriptor::duplicate(stdin)?.into(),
            output: descriptor::duplicate(stdout)?.into(),
            terminal: terminal.into(),
            typed: Vec::new(),
            has_input: true,
            has_output: true,
            _raw: raw,
        };
        // It may have changed before there was anybody to hear of it.
        console::fit(relay.terminal.as_fd());
        Ok(relay)
    }

    fn interests(&self) -> impl Iterator<Item = (BorrowedFd<'_>, Interest)> {
        let read = self.has_output.then(|| (self.terminal.as_fd(), Interest::Read));
        let waits = self.has_output && !self.typed.is_empty();
        let write = waits.then(|| (self.terminal.as_fd(), Interest::Write));
        let may_read = self.has_input && self.typed.is_empty();
        let typed = may_read.then(|| (self.input.as_fd(), Interest::Read));
        [read, write, typed].into_iter().flatten()
    }

    /// Passes on what there is. Nothing here waits but for whoever reads this process's output.
    fn turn(&mut self) {
        if self.has_output {
            self.pass_output();
        }
        if self.has_input && self.typed.is_empty() && is_ready(&self.input) {
            self.read_input();
        }
        self.type_in();
    }

    /// Passes on a chunk of output; false when there is none now.
    fn pass_output(&mut self) -> bool {
        let mut chunk = [0; CHUNK];
        match self.terminal.read(&mut chunk) {
            Ok(read @ 1..) => {
                // Whoever read it may be gone; the program need not stop for that.
                let _result = self.output.write_all(&chunk[..read]);
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            // EIO: nobody has the other end open any more.
            Ok(_) | Err(_) => {
                self.has_output = false;
                false
            }
        }
    }

    fn read_input(&mut self) {
        let mut chunk = [0; CHUNK];
        match self.input.read(&mut chunk) {
            Ok(read @ 1..) => self.typed.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => self.has_input = false,
        }
    }

    fn type_in(&mut self) {
        if self.typed.is_empty() {
            return;
        }
        match self.terminal.write(&self.typed) {
            Ok(written) => drop(self.typed.drain(..written)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.typed.clear(),
        }
    }

    /// Passes on what the program has left when it ended.
    fn drain(&mut self) {
        while self.has_output && self.pass_output() {}
    }
}

fn is_ready(input: &File) -> bool {
    poll::readable(&[input.as_fd()], Some(Instant::now())).is_ok_and(|ready| ready[0])
}
