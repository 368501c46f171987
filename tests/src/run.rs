//! Running `peapod`: with a deadline, and with files for what it prints, since a pipe would be held
//! open by the container that it leaves behind.

use crate::process::Process;
use crate::wait::{DEADLINE, file_with};
use anyhow::{Context, Error, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

/// What a program left behind that has ended.
#[derive(Debug)]
pub struct Output {
    /// Its command line.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Output {
    /// What it printed, if it succeeded.
    ///
    /// # Errors
    ///
    /// When it did not.
    pub fn ok(self) -> Result<String> {
        ensure!(self.status.success(), "{self:?}");
        Ok(self.stdout)
    }

    /// Its one line of complaint, if it failed as it should: with status 1.
    ///
    /// # Errors
    ///
    /// When it succeeded, or said nothing, or too much.
    pub fn refused(self) -> Result<String> {
        self.refused_with(1)
    }

    /// The same with another status.
    ///
    /// # Errors
    ///
    /// When it succeeded, or said nothing, or too much.
    pub fn refused_with(self, status: i32) -> Result<String> {
        ensure!(self.status.code() == Some(status), "not status {status}: {self:?}");
        ensure!(self.stdout.is_empty(), "output: {self:?}");
        let line = self.stderr.strip_suffix('\n').with_context(|| format!("{self:?}"))?;
        ensure!(!line.contains('\n'), "more than one line: {self:?}");
        let message = line.strip_prefix("peapod: ").with_context(|| format!("{self:?}"))?;
        Ok(message.to_owned())
    }
}

/// A program that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    command: String,
    child: Child,
    /// The program.
    pub process: Process,
    /// Where its output goes.
    pub(crate) stdout: PathBuf,
    /// Where its complaints go.
    pub(crate) stderr: PathBuf,
    is_reaped: bool,
}

/// Held while a program is started or written: a fork that has, for a moment, a copy of the
/// descriptor that a program is being written to makes that program's execution fail (ETXTBSY).
static FORKING: Mutex<()> = Mutex::new(());

/// Does something while nothing is forked.
pub(crate) fn without_forks<T>(act: impl FnOnce() -> T) -> T {
    let _held = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
    act()
}

impl Running {
    /// Starts `command`, whose output goes to the files `stdout` and `stderr`.
    pub(crate) fn start(command: &mut Command, stdout: PathBuf, stderr: PathBuf) -> Result<Self> {
        command.stdin(Stdio::null());
        Self::start_with_input(command, stdout, stderr)
    }

    /// The same, with the standard input that `command` has.
    pub(crate) fn start_with_input(
        command: &mut Command,
        stdout: PathBuf,
        stderr: PathBuf,
    ) -> Result<Self> {
        let name = format!("{command:?}");
        command.stdout(File::options().create_new(true).append(true).open(&stdout)?);
        command.stderr(File::options().create_new(true).append(true).open(&stderr)?);
        let child = without_forks(|| command.spawn()).with_context(|| name.clone())?;
        let process = Process::open(child.id().cast_signed())?;
        Ok(Self { command: name, child, process, stdout, stderr, is_reaped: false })
    }

    /// Starts `command` on a terminal; nothing that it prints is in its [`Output`].
    pub(crate) fn start_on(command: &mut Command, terminal: &OwnedFd) -> Result<Self> {
        let name = format!("{command:?}");
        let stdio = || Ok::<_, Error>(Stdio::from(terminal.try_clone()?));
        command.stdin(stdio()?).stdout(stdio()?).stderr(stdio()?);
        let child = without_forks(|| command.spawn()).with_context(|| name.clone())?;
        let process = Process::open(child.id().cast_signed())?;
        let nothing = || PathBuf::from("/dev/null");
        Ok(Self {
            command: name,
            child,
            process,
            stdout: nothing(),
            stderr: nothing(),
            is_reaped: false,
        })
    }

    /// Waits until it has printed `text`; answers with all that it has printed.
    ///
    /// # Errors
    ///
    /// When it has not by the deadline.
    pub fn says(&self, text: &str) -> Result<String> {
        file_with(&self.stdout, text)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// When the signal cannot be sent.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(self.process.pid), signal)?)
    }

    /// The file that its output goes to.
    #[must_use]
    pub fn output_file(&self) -> &Path {
        &self.stdout
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// When it has not ended by the deadline.
    pub fn finish(mut self) -> Result<Output> {
        ensure!(self.process.ends_within(DEADLINE)?, "no end after {DEADLINE:?}: {self:?}");
        let status = self.child.wait()?;
        self.finish_as(status)
    }

    /// What it left behind, if somebody else has waited for its end.
    pub(crate) fn finish_as(mut self, status: ExitStatus) -> Result<Output> {
        self.is_reaped = true;
        Ok(Output {
            command: self.command.clone(),
            status,
            stdout: fs::read_to_string(&self.stdout)?,
            stderr: fs::read_to_string(&self.stderr)?,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_reaped {
            return;
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
