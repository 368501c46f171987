//! Where a program's stdio goes, as containerd says it in URIs; from the call that asks for the
//! process alone, never from an annotation or a label (CVE-2026-53488).

use crate::creator::Needs;
use crate::io::{Direction, Plan};
use crate::ttrpc::{Code, Status};
use peapod::sys::epoll::{Epoll, Interest};
use peapod::sys::fork::{self, Forked, Process};
use peapod::sys::pipe::{self, End, Pipe};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How much a program may write before somebody reads it, in bytes.
const ROOM: i32 = 256 << 10;

/// How long a logger may take until it is ready.
const READY_PATIENCE: Duration = Duration::from_secs(10);

/// What a process is asked to have as its stdio.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stdio {
    pub(crate) stdin: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) terminal: bool,
}

/// Where output goes.
#[derive(Debug, PartialEq, Eq)]
enum Output {
    Nowhere,
    Fifo(PathBuf),
    File(PathBuf),
    Program(Logger),
}

/// A program that takes the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logger {
    pub(crate) path: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) readiness: Readiness,
}

/// How a logger says that it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It closes its descriptor 5.
    Closed,
    /// It writes a byte to it before.
    Written,
}

/// What was opened for a process before it is made.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// The ends of the process: without a terminal, those that are not the null device.
    pub(crate) theirs: [Option<OwnedFd>; 3],
    /// What flows once the process exists.
    pub(crate) streams: Vec<Plan>,
    /// With a terminal: where its output goes.
    output: Option<OwnedFd>,
    input: Option<Input>,
    /// The program that reads, if one does, and what it is given: stdout and stderr.
    pub(crate) logger: Option<(Logger, [Option<OwnedFd>; 2])>,
}

/// Input that is let in when the process runs. A client begins to send when the fifo is opened, and
/// by then must know the process, since it asks for the end of its input (`CloseIO`) only once.
#[derive(Debug)]
pub(crate) struct Input {
    fifo: PathBuf,
    /// `None`: to the terminal, once there is one.
    to: Option<OwnedFd>,
}

/// What flows to and from a process.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    pub(crate) output: Vec<Plan>,
    pub(crate) input: Option<Input>,
}

impl Stdio {
    /// Opens what they name; pipes belong to `owner`.
    pub(crate) fn open(&self, owner: Option<(u32, u32)>) -> Result<Opened, Status> {
        let mut opened = Opened::default();
        if !self.stdin.is_empty() {
            self.open_input(owner, &mut opened)?;
        }
        let output = Output::parse(&self.stdout)?;
        if self.terminal {
            return open_terminal(output, opened);
        }
        let error = match &output {
            // One program, and one file, for both.
            Output::Program(logger) => {
                let [out, err] = [pipe::pipe(owner)?, pipe::pipe(owner)?];
                let readers = [Some(out.reader), Some(err.reader)];
                opened.theirs[1] = Some(out.writer);
                opened.theirs[2] = Some(err.writer);
                opened.logger = Some((logger.clone(), readers));
                return Ok(opened);
            }
            Output::File(path) if !self.stderr.is_empty() => Output::File(path.clone()),
            Output::File(_) | Output::Nowhere | Output::Fifo(_) => Output::parse(&self.stderr)?,
        };
        for (number, output) in [(1, output), (2, error)] {
            let Some(to) = output.open()? else { continue };
            let Pipe { reader, writer } = pipe::pipe(owner)?;
            pipe::enlarge(reader.as_fd(), ROOM);
            pipe::set_nonblocking(reader.as_fd())?;
            opened.theirs[number] = Some(writer);
            let direction = Direction::Out;
            opened.streams.push(Plan { direction, from: reader, to, keeper: None });
        }
        Ok(opened)
    }

    fn open_input(&self, owner: Option<(u32, u32)>, opened: &mut Opened) -> Result<(), Status> {
        let fifo = PathBuf::from(&self.stdin);
        if !fifo.exists() {
            return Err(Status::new(Code::NotFound, format!("stdin: {}", fifo.display())));
        }
        let mut to = None;
        if !self.terminal {
            let Pipe { reader, writer } = pipe::pipe(owner)?;
            pipe::set_nonblocking(writer.as_fd())?;
            opened.theirs[0] = Some(reader);
            to = Some(writer);
        }
        opened.input = Some(Input { fifo, to });
        Ok(())
    }
}

fn open_terminal(output: Output, mut opened: Opened) -> Result<Opened, Status> {
    match output {
        Output::Program(logger) => {
            let Pipe { reader, writer } = pipe::pipe(None)?;
            pipe::set_nonblocking(writer.as_fd())?;
            opened.output = Some(writer);
            opened.logger = Some((logger, [Some(reader), None]));
        }
        output => opened.output = output.open()?,
    }
    Ok(opened)
}

impl Opened {
    /// The process exists: its ends are its own, and this is what flows to and from them.
    pub(crate) fn flows(self, terminal: Option<&OwnedFd>) -> Result<Flows, Status> {
        let Self { streams, output, input, .. } = self;
        let mut flows = Flows { output: streams, input };
        let Some(terminal) = terminal else { return Ok(flows) };
        pipe::set_nonblocking(terminal.as_fd())?;
        let copy = || pipe::duplicate(terminal.as_fd());
        // What nobody wants is read all the same, or the program would stop.
        let to = match output {
            Some(output) => output,
            None => open_file(Path::new("/dev/null"))?,
        };
        flows.output.push(Plan { direction: Direction::Out, from: copy()?, to, keeper: None });
        if let Some(input) = &mut flows.input {
            input.to = Some(copy()?);
        }
        Ok(flows)
    }

    /// What the process, and its logger, are made with.
    pub(crate) fn needs(&self) -> Needs<'_> {
        let others = self.logger.iter().flat_map(|(_, readers)| readers.iter().flatten());
        Needs {
            stdio: self.theirs.each_ref().map(|fd| fd.as_ref().map(AsFd::as_fd)),
            others: others.map(AsFd::as_fd).collect(),
        }
    }

    /// Whoever makes the process has them: here they would keep its streams from their end.
    pub(crate) fn close_theirs(&mut self) {
        self.theirs = [None, None, None];
        self.logger = None;
    }
}

/// Starts the logger, if there is one, and waits until it is ready. Only a creator may do this.
pub(crate) fn start(opened: &Opened, id: &str, namespace: &str) -> Result<Option<Process>, Status> {
    let Some((logger, [stdout, stderr])) = &opened.logger else { return Ok(None) };
    let Pipe { reader: ready, writer } = pipe::pipe(None)?;
    let null = open_file(Path::new("/dev/null"))?;
    let process = match fork::fork()? {
        Forked::Parent(process) => process,
        Forked::Child => {
            let given = [stdout.as_ref(), stderr.as_ref(), Some(&writer)];
            let given = given.map(|fd| fd.unwrap_or(&null).as_fd());
            let placed = fork::keep_only([None; 3], &given).and_then(|()| fork::hand_over(&given));
            if placed.is_ok() {
                let mut command = Command::new(&logger.path);
                command.args(&logger.args).env_clear();
                // Comes back only from a failure, which closes what says that it is ready.
                let _failed =
                    command.env("CONTAINER_ID", id).env("CONTAINER_NAMESPACE", namespace).exec();
            }
            fork::exit_now(127)
        }
    };
    drop(writer);
    match logger.wait_until_ready(ready, &process) {
        Ok(()) => Ok(Some(process)),
        Err(status) => {
            // It may have ended.
            let _ = process.signal(fork::SIGKILL);
            Err(status)
        }
    }
}

impl Logger {
    fn wait_until_ready(&self, ready: OwnedFd, process: &Process) -> Result<(), Status> {
        let failed = |reason: &str| {
            Status::new(Code::Unknown, format!("logger {}: {reason}", self.path.display()))
        };
        let waiting = Epoll::new()?;
        waiting.add(ready.as_fd(), 0, Interest::Read)?;
        let mut events = Vec::new();
        waiting.wait(Some(Instant::now() + READY_PATIENCE), &mut events)?;
        if events.is_empty() {
            return Err(failed("not ready in time"));
        }
        let read = File::from(ready).read(&mut [0]).map_err(|error| failed(&error.to_string()))?;
        let has_ended = process.reap()?.is_some();
        match (self.readiness, read) {
            (Readiness::Written, 0) => Err(failed("it has ended before it was ready")),
            (Readiness::Closed, _) if has_ended => Err(failed("it has ended at once")),
            (Readiness::Written | Readiness::Closed, _) => Ok(()),
        }
    }
}

impl Input {
    /// Lets it in: with an end when the clients that there are have written all, or with none
    /// before that is asked for.
    pub(crate) fn open(self, end: InputEnd) -> Result<Option<Plan>, Status> {
        let Some(to) = self.to else { return Ok(None) };
        let from = open_fifo(&self.fifo, End::Reader)?;
        let keeper = match end {
            InputEnd::Later => Some(open_fifo(&self.fifo, End::Writer)?),
            InputEnd::WithClients => None,
        };
        Ok(Some(Plan { direction: Direction::In, from, to, keeper }))
    }
}

/// When input comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputEnd {
    Later,
    WithClients,
}

impl Output {
    fn parse(uri: &str) -> Result<Self, Status> {
        let Some((scheme, rest)) = uri.split_once("://") else {
            return Ok(match uri {
                "" => Self::Nowhere,
                path => Self::Fifo(path.into()),
            });
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = PathBuf::from(decoded(path));
        let invalid = |reason: &str| Status::new(Code::InvalidArgument, format!("{uri}: {reason}"));
        if !path.is_absolute() {
            return Err(invalid("not an absolute path"));
        }
        let logger = |readiness| {
            let args = query.split('&').filter(|pair| !pair.is_empty()).flat_map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                [decoded(key), decoded(value)].into_iter().filter(|part| !part.is_empty())
            });
            Self::Program(Logger { path: path.clone(), args: args.collect(), readiness })
        };
        match scheme {
            "fifo" => Ok(Self::Fifo(path)),
            "file" => Ok(Self::File(path)),
            "binary" => Ok(logger(Readiness::Closed)),
            "binary-v2" => Ok(logger(Readiness::Written)),
            _ => Err(invalid("no such scheme: fifo, file, binary and binary-v2 are known")),
        }
    }

    fn open(&self) -> Result<Option<OwnedFd>, Status> {
        match self {
            Self::Nowhere | Self::Program(_) => Ok(None),
            // Both ends: what is written waits while containerd is away.
            Self::Fifo(path) => open_fifo(path, End::Both).map(Some),
            Self::File(path) => open_file(path).map(Some),
        }
    }
}

fn open_fifo(path: &Path, end: End) -> Result<OwnedFd, Status> {
    pipe::open_fifo(path, end).map_err(Status::from)
}

fn open_file(path: &Path) -> Result<OwnedFd, Status> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o640).open(path);
    let reason = |error| Status::new(Code::Unknown, format!("{}: {error}", path.display()));
    opened.map(OwnedFd::from).map_err(reason)
}

/// RFC 3986, "Percent-Encoding"; and in a query `+` is a space.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let byte = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let number = digit(*high).zip(digit(*low)).map(|(high, low)| high * 16 + low);
                let byte = number.and_then(|number| u8::try_from(number).ok());
                rest = if byte.is_some() { after } else { rest };
                byte.unwrap_or(b'%')
            }
            _ => *first,
        };
        bytes.push(byte);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_goes_where_the_uri_says() {
        let parse = |uri| Output::parse(uri).unwrap();
        assert_eq!(parse(""), Output::Nowhere);
        assert_eq!(parse("/run/f"), Output::Fifo("/run/f".into()));
        assert_eq!(parse("fifo:///run/f"), Output::Fifo("/run/f".into()));
        assert_eq!(parse("file:///a%20b"), Output::File("/a b".into()));
        let Output::Program(logger) = parse("binary-v2:///bin/log?tag=%25x&level=&b") else {
            panic!("no logger");
        };
        assert_eq!(logger.path, Path::new("/bin/log"));
        assert_eq!(logger.args, ["tag", "%x", "level", "b"]);
        assert_eq!(logger.readiness, Readiness::Written);
    }

    #[test]
    fn a_uri_that_names_nothing_we_have_is_refused() {
        for (uri, reason) in
            [("http:///x", "no such scheme"), ("binary://x/y", "not an absolute path")]
        {
            let error = Output::parse(uri).unwrap_err();
            assert!(error.message.contains(reason), "{}", error.message);
        }
    }
}
