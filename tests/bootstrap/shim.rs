//! The shim's program, as containerd executes it, in a bundle of its own.

use crate::wire::Client;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use tests::{DEADLINE, Process, program};

pub(crate) const NAME: &str = "containerd-shim-peapod-v1";

/// Where a shim is that has been started. Dropped, the shim is ended, and the bundle removed.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// Of the task. Nobody else has it.
    pub(crate) id: String,
    pub(crate) path: PathBuf,
    name: String,
    /// Of the shim, once it has been told.
    socket: Mutex<Option<PathBuf>>,
}

impl Bundle {
    pub(crate) fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("wire-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(&id);
        fs::create_dir(&path)?;
        Ok(Self { id, path, name: NAME.to_owned(), socket: Mutex::default() })
    }

    /// The program goes by another name.
    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Has a config.json with an annotation.
    pub(crate) fn annotated(self, name: &str, value: &str) -> Result<Self> {
        let text =
            format!(r#"{{"ociVersion":"1.2.0","annotations":{{"a":"b","{name}":"{value}"}}}}"#);
        fs::write(self.path.join("config.json"), text)?;
        Ok(self)
    }

    /// Executes `start` with `input`; answers with all that it has written, to standard output and
    /// error together, as containerd reads it.
    pub(crate) fn start(&self, input: &[u8]) -> Result<(ExitStatus, Vec<u8>)> {
        self.execute("start", input)
    }

    /// The same, where it succeeds, and the shim answers.
    pub(crate) fn started(&self, input: &[u8]) -> Result<Vec<u8>> {
        let (status, said) = self.start(input)?;
        ensure!(status.success(), "{status}: {}", String::from_utf8_lossy(&said));
        let path = path_in(&said)?;
        // Once it answers, the shim has executed and settled, and can be found and ended.
        Client::connect(&path)?.greet()?;
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(path);
        Ok(said)
    }

    pub(crate) fn execute(&self, action: &str, input: &[u8]) -> Result<(ExitStatus, Vec<u8>)> {
        let (ours, theirs) = UnixStream::pair()?;
        let (mut stdin, read) = UnixStream::pair()?;
        let said = [theirs.try_clone()?, theirs].map(OwnedFd::from);
        let [stdout, stderr] = said;
        let mut command = Command::new(program(NAME)?);
        command
            .arg0(&self.name)
            .args(["-namespace", "wire", "-address", "/run/containerd/containerd.sock"])
            .args(["-publish-binary", "/usr/bin/containerd", "-id", &self.id, action])
            .current_dir(&self.path)
            .env("TTRPC_ADDRESS", self.path.join("nobody"))
            .env("GOMAXPROCS", "2")
            .process_group(0)
            .stdin(OwnedFd::from(read))
            .stdout(stdout)
            .stderr(stderr);
        let mut child = command.spawn()?;
        // It has the only other ends of the sockets from here on.
        drop(command);
        stdin.write_all(input)?;
        drop(stdin);
        ours.set_read_timeout(Some(DEADLINE))?;
        let mut all = Vec::new();
        let read = (&ours).read_to_end(&mut all);
        read.context("somebody keeps the output of `start` open")?;
        Ok((child.wait()?, all))
    }

    /// The shim's process.
    pub(crate) fn shim(&self) -> Result<Option<Process>> {
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            let line = fs::read(Path::new("/proc").join(name).join("cmdline")).unwrap_or_default();
            let mut words = line.split(|byte| *byte == 0);
            let is_it =
                words.any(|word| word == self.id.as_bytes()) && words.any(|word| word == b"serve");
            if is_it {
                return Process::open(pid).map(Some);
            }
        }
        Ok(None)
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        if let Ok(Some(shim)) = self.shim() {
            let _killed = Command::new("kill").args(["-TERM", &shim.pid.to_string()]).status();
            let _ended = shim.ends_within(DEADLINE);
        }
        // A shim that was ended before it had settled has left it.
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _gone = socket.map(fs::remove_file);
        let _removed = fs::remove_dir_all(&self.path);
    }
}

/// The path in an answer of `start`.
pub(crate) fn path_in(answer: &[u8]) -> Result<PathBuf> {
    let text = String::from_utf8_lossy(answer);
    let (_, rest) = text.split_once("unix://").with_context(|| text.to_string())?;
    // In protobuf and in JSON something follows.
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"/-_.".contains(c));
    Ok(rest[..end.unwrap_or(rest.len())].into())
}
