//! A program that is run to its end: what it reads, how long it may take, and the end of what it
//! says. Without an allocation, so that init can run one too.

use super::descriptor::set_nonblocking;
use super::error::{Result, explain};
use super::file::{self, dup_to, lift};
use super::process::{self, Birth, Child, CloneFlags, Cloned, Strings, clone3};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, setpgid};
use std::ffi::{CStr, CString};
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// A program, and how it is run.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) path: CString,
    pub(crate) argv: Strings,
    pub(crate) envp: Strings,
    /// After that it is killed, with all of its process group.
    pub(crate) timeout: Option<Duration>,
}

/// Files that what a program writes is added to, in place of being heard.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) stdout: Option<CString>,
    pub(crate) stderr: Option<CString>,
}

/// How a program has ended, and the end of what it said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) how: How,
    pub(crate) said: Tail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Exited(i32),
    /// By a signal.
    Killed(i32),
    /// It had no end within its time, and was killed.
    TimedOut,
    /// Nobody waits for it any more, and it was killed.
    Abandoned,
}

/// The last bytes of a text that may be long.
#[derive(Clone, Copy)]
pub(crate) struct Tail {
    bytes: [u8; Tail::SIZE],
    len: usize,
}

/// The program finds these open; what it writes to both is what it says.
const STDIN: i32 = 0;
const STDOUT: i32 = 1;
const STDERR: i32 = 2;

/// More than a pipe holds, in chunks of [`CHUNK`]: what is left of a program that has ended is
/// read, but not what its children write without end.
const LEFT_OVER: usize = 64;
const CHUNK: usize = 4096;

/// What a shell answers with when a program cannot be executed.
const NOT_EXECUTED: i32 = 127;

/// A file to read from whose contents are `parts`. A pipe would block, or end the writer, if nobody
/// reads it.
pub(crate) fn input(parts: &[&[u8]]) -> Result<OwnedFd> {
    let memfd = file::memfd_of_data(c"state")?;
    for part in parts {
        let mut rest = *part;
        while !rest.is_empty() {
            rest = rest.get(file::write_some(memfd.as_fd(), rest)?..).unwrap_or_default();
        }
    }
    let start = nix::unistd::lseek(&memfd, 0, nix::unistd::Whence::SeekSet);
    explain(start, "lseek", format_args!("{}, 0", memfd.as_raw_fd()))?;
    lift(memfd)
}

/// Runs `program` with `stdin`, in the directory `cwd` if one is given, and in a process group of
/// its own. Returns when it has ended; its children may live on. It is killed when `abandon`
/// becomes readable.
pub(crate) fn run(
    program: &Program,
    stdin: BorrowedFd<'_>,
    cwd: Option<BorrowedFd<'_>>,
    abandon: Option<BorrowedFd<'_>>,
    output: &Output,
) -> Result<Ended> {
    let (ours, theirs) = pipe()?;
    let deadline = program.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let child = match clone3(Birth { flags: CloneFlags::empty(), cgroup: None })? {
        Cloned::Parent(child) => child,
        Cloned::Child => become_it(program, stdin, (theirs.as_fd(), output), cwd),
    };
    drop(theirs);
    // Done by both, since either may be the first; the later one fails if the program has begun.
    let _ = setpgid(Pid::from_raw(child.pid), Pid::from_raw(child.pid));
    let mut said = Tail::new();
    let early = wait(&child, ours.as_fd(), abandon, deadline, &mut said);
    if !matches!(early, Ok(None)) {
        let _ = killpg(Pid::from_raw(child.pid), Signal::SIGKILL);
    }
    let status = process::wait(child.as_fd())?;
    for _ in 0..LEFT_OVER {
        if !read_some(ours.as_fd(), &mut said) {
            break;
        }
    }
    let how = match (early?, status) {
        (Some(how), _) => how,
        (None, WaitStatus::Exited(_, code)) => How::Exited(code),
        (None, WaitStatus::Signaled(_, signal, _)) => How::Killed(signal as i32),
        (None, _) => How::Killed(0),
    };
    Ok(Ended { how, said })
}

/// Reaps every child of this process that has ended. For a process all of whose children are
/// programs' that it ran.
pub(crate) fn reap_orphans() {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
    while matches!(waitid(Id::All, flags), Ok(status) if status != WaitStatus::StillAlive) {}
}

/// A pipe whose first end never blocks.
fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let made = nix::unistd::pipe2(OFlag::O_CLOEXEC);
    let (ours, theirs) = explain(made, "pipe2", format_args!("O_CLOEXEC"))?;
    set_nonblocking(ours.as_fd())?;
    Ok((ours, lift(theirs)?))
}

/// The child: becomes the program, or says why it could not.
fn become_it(
    program: &Program,
    stdin: BorrowedFd<'_>,
    (said, output): (BorrowedFd<'_>, &Output),
    cwd: Option<BorrowedFd<'_>>,
) -> ! {
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    let prepared = process::reset_signals()
        .and_then(|()| cwd.map_or(Ok(()), file::fchdir))
        .and_then(|()| dup_to(stdin, STDIN))
        .and_then(|()| dup_to(said, STDOUT))
        .and_then(|()| dup_to(said, STDERR))
        .and_then(|()| redirect(output.stdout.as_deref(), STDOUT))
        .and_then(|()| redirect(output.stderr.as_deref(), STDERR))
        .and_then(|()| file::close_all_but(STDERR + 1, &mut []));
    let error = match prepared {
        Ok(()) => process::execve(&program.path, &program.argv, &program.envp),
        Err(error) => error,
    };
    let mut text = [0; 256];
    let room = text.len();
    let mut rest = text.as_mut_slice();
    // What does not fit is cut.
    let _fits = std::io::Write::write_fmt(&mut rest, format_args!("{error}"));
    let len = room - rest.len();
    let _ = nix::unistd::write(std::io::stderr(), &text[..len]);
    process::exit_now(NOT_EXECUTED)
}

fn redirect(file: Option<&CStr>, number: i32) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    dup_to(file::open_to_append(file)?.as_fd(), number)
}

/// Waits for the end of the program, and hears what it says meanwhile: `None` when it has ended by
/// itself.
fn wait(
    child: &Child,
    says: BorrowedFd<'_>,
    abandon: Option<BorrowedFd<'_>>,
    deadline: Option<Instant>,
    said: &mut Tail,
) -> Result<Option<How>> {
    let mut is_open = true;
    loop {
        let ended = child.as_fd();
        let on = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut polled =
            [on(ended), on(if is_open { says } else { ended }), on(abandon.unwrap_or(ended))];
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX)
        });
        match nix::poll::poll(&mut polled, timeout) {
            Err(Errno::EINTR) => continue,
            polled => explain(polled, "poll", format_args!("a program"))?,
        };
        let [ended, speaks, abandoned] = polled.map(|fd| fd.any().unwrap_or(false));
        if ended {
            return Ok(None);
        }
        if abandoned {
            return Ok(Some(How::Abandoned));
        }
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(Some(How::TimedOut));
        }
        if speaks && is_open {
            is_open = read_some(says, said);
        }
    }
}

/// Whether there may be more to read.
fn read_some(fd: BorrowedFd<'_>, said: &mut Tail) -> bool {
    let mut chunk = [0; CHUNK];
    match nix::unistd::read(fd, &mut chunk) {
        Ok(0) => false,
        Ok(read) => {
            said.push(&chunk[..read]);
            true
        }
        Err(Errno::EINTR) => true,
        Err(_) => false,
    }
}

impl Tail {
    /// As much as fits on a screen, and into a packet.
    pub(crate) const SIZE: usize = 512;

    pub(crate) fn new() -> Self {
        Self { bytes: [0; Self::SIZE], len: 0 }
    }

    /// Adds `text`, and drops the beginning of what does not fit then.
    pub(crate) fn push(&mut self, text: &[u8]) {
        let text = &text[text.len().saturating_sub(Self::SIZE)..];
        let kept = self.len.min(Self::SIZE - text.len());
        self.bytes.copy_within(self.len - kept..self.len, 0);
        self.bytes[kept..kept + text.len()].copy_from_slice(text);
        self.len = kept + text.len();
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.how {
            How::Exited(code) => write!(f, "exited with status {code}")?,
            How::Killed(signal) => write!(f, "was killed by signal {signal}")?,
            How::TimedOut => write!(f, "did not end within its timeout")?,
            How::Abandoned => write!(f, "was interrupted")?,
        }
        let said = String::from_utf8_lossy(self.said.as_bytes());
        let said = said.trim();
        if said.is_empty() { Ok(()) } else { write!(f, ": {}", said.replace('\n', "; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_keeps_the_last_bytes() {
        let mut tail = Tail::new();
        for part in ["a".repeat(400), "b".repeat(200), "c".repeat(10)] {
            tail.push(part.as_bytes());
        }
        let wanted = ["a".repeat(302), "b".repeat(200), "c".repeat(10)].concat();
        assert_eq!(tail.as_bytes(), wanted.as_bytes());
        tail.push("d".repeat(1000).as_bytes());
        assert_eq!(tail.as_bytes(), "d".repeat(512).as_bytes());
    }

    #[test]
    fn what_a_program_said_last_is_in_one_line() {
        let mut said = Tail::new();
        said.push(b"one\ntwo\n");
        let ended = Ended { how: How::Exited(3), said };
        assert_eq!(ended.to_string(), "exited with status 3: one; two");
        let ended = Ended { how: How::TimedOut, said: Tail::new() };
        assert_eq!(ended.to_string(), "did not end within its timeout");
    }
}
