//! Creators: copies of the shim that do what can block, and end. What they have allocated ends with
//! them; what they have made becomes the shim's child then, since that is a subreaper.
//!
//! A creator says what it has made in packets, the last of which is its answer. Nothing of it is
//! looked at before the creator has ended: until then the shim is not the parent of what was made.

use crate::proto;
use crate::ttrpc::{Code, Status};
use peapod::container::{Root, Supervised};
use peapod::error::Error;
use peapod::sys::fork::{self, Forked, Process};
use peapod::sys::{self, pipe};
use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// A creator at work.
#[derive(Debug)]
pub(crate) struct Creator {
    process: Process,
    link: OwnedFd,
}

/// What a creator has made.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) process: Option<Process>,
    pub(crate) terminal: Option<OwnedFd>,
    /// The program that its output goes to.
    pub(crate) logger: Option<Process>,
    /// What it could not be given.
    pub(crate) warnings: Vec<String>,
}

/// What comes of a creator.
pub(crate) type Outcome = Result<Made, Status>;

/// The last packet, in JSON.
#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Done { pid: i32, logger: i32, warnings: Vec<String> },
    Failed { code: i32, message: String },
}

/// What a descriptor is that comes in a packet of its own.
const PROCESS: u8 = b'p';
const TERMINAL: u8 = b't';
const LOGGER: u8 = b'l';
const ANSWER: u8 = b'a';

/// A text in an answer is cut at this length: a packet must fit into the socket's buffer.
const LONGEST: usize = 16 << 10;
const PACKET: usize = 64 << 10;

/// Descriptors that a creator needs: stdio, and others. All else is closed in it.
#[derive(Debug, Default)]
pub(crate) struct Needs<'a> {
    pub(crate) stdio: [Option<BorrowedFd<'a>>; 3],
    pub(crate) others: Vec<BorrowedFd<'a>>,
}

impl Creator {
    /// Begins `job` in a creator. If its answer cannot be delivered, `undo` is done.
    pub(crate) fn begin(
        needs: &Needs<'_>,
        job: impl FnOnce() -> Outcome,
        undo: impl FnOnce(),
    ) -> sys::Result<Self> {
        let (ours, theirs) = pipe::packets()?;
        let shim = std::process::id();
        match fork::fork()? {
            Forked::Parent(process) => Ok(Self { process, link: ours }),
            Forked::Child => {
                let kept: Vec<_> = needs.others.iter().copied().chain([theirs.as_fd()]).collect();
                let ready = fork::end_with(shim).and_then(|()| fork::keep_only(needs.stdio, &kept));
                let outcome = match ready {
                    Ok(()) => job(),
                    Err(error) => Err(failed(&error)),
                };
                if deliver(theirs.as_fd(), &outcome).is_err() {
                    undo();
                }
                fork::exit_now(0)
            }
        }
    }

    /// What it has made, if it has ended.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self.process.reap() {
            Ok(None) => None,
            Ok(Some(code)) => Some(self.receive(code)),
            Err(error) => Some(Err(failed(&error))),
        }
    }

    /// Asks it to end, and to undo what it has begun.
    pub(crate) fn interrupt(&self) {
        // It may have ended.
        let _ = self.process.signal(fork::SIGTERM);
    }

    /// Its number.
    pub(crate) fn pid(&self) -> i32 {
        self.process.pid()
    }

    fn receive(&self, code: u8) -> Outcome {
        let mut packet = vec![0; PACKET];
        let mut fds = [None, None, None];
        loop {
            let (len, fd) =
                pipe::receive(self.link.as_fd(), &mut packet).map_err(|error| failed(&error))?;
            let Some((kind, rest)) = packet.get(..len).and_then(<[u8]>::split_first) else {
                let reason = format!("the process that was to do it has ended with status {code}");
                return Err(Status::new(Code::Internal, reason));
            };
            match *kind {
                PROCESS => fds[0] = fd,
                TERMINAL => fds[1] = fd,
                LOGGER => fds[2] = fd,
                _ => return answer(rest, fds),
            }
        }
    }
}

impl AsFd for Creator {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }
}

impl From<Supervised> for Made {
    fn from(made: Supervised) -> Self {
        let Supervised { process, terminal, warnings } = made;
        Self { process: Some(process), terminal, logger: None, warnings }
    }
}

/// A failure of a call of the shim's own.
pub(crate) fn failed(error: &sys::Error) -> Status {
    Status::new(Code::Internal, error.to_string())
}

impl From<sys::Error> for Status {
    fn from(error: sys::Error) -> Self {
        failed(&error)
    }
}

/// Does something with the root at `path`, which is made where it is missing.
pub(crate) fn in_root<T>(
    path: &Path,
    job: impl FnOnce(&Root) -> Result<T, Error>,
) -> Result<T, Status> {
    Ok(Root::open(path).and_then(|root| job(&root))?)
}

fn answer(packet: &[u8], fds: [Option<OwnedFd>; 3]) -> Outcome {
    let unreadable = |error: serde_json::Error| Status::new(Code::Internal, error.to_string());
    let [process, terminal, logger] = fds;
    match serde_json::from_slice(packet).map_err(unreadable)? {
        Answer::Done { pid, logger: logger_pid, warnings } => Ok(Made {
            process: process.map(|fd| Process::new(pid, fd)),
            logger: logger.map(|fd| Process::new(logger_pid, fd)),
            terminal,
            warnings,
        }),
        Answer::Failed { code, message } => {
            Err(proto::ttrpc::Status { code, message, details: Vec::new() }.into())
        }
    }
}

fn deliver(link: BorrowedFd<'_>, outcome: &Outcome) -> sys::Result<()> {
    let answer = match outcome {
        Ok(made) => {
            let sent = [
                (PROCESS, made.process.as_ref().map(AsFd::as_fd)),
                (TERMINAL, made.terminal.as_ref().map(AsFd::as_fd)),
                (LOGGER, made.logger.as_ref().map(AsFd::as_fd)),
            ];
            for (kind, fd) in sent.into_iter().filter(|(_, fd)| fd.is_some()) {
                pipe::send(link, &[kind], fd)?;
            }
            Answer::Done {
                pid: made.process.as_ref().map_or(0, Process::pid),
                logger: made.logger.as_ref().map_or(0, Process::pid),
                warnings: made.warnings.iter().map(|text| cut(text)).take(2).collect(),
            }
        }
        Err(status) => Answer::Failed { code: status.code as i32, message: cut(&status.message) },
    };
    let mut packet = vec![ANSWER];
    // Numbers and texts: there is nothing in it that JSON could not have.
    packet.extend(serde_json::to_vec(&answer).unwrap_or_default());
    pipe::send(link, &packet, None)
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST / 4).collect()
}
