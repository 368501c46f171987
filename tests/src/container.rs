//! A container that was created.

use crate::cgroup::Cgroup;
use crate::process::{self, Process};
use crate::root::Root;
use crate::run::{Output, Running};
use crate::wait;
use anyhow::{Context, Result};
use nix::sys::wait::WaitStatus;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// A container by its id, and its first process.
#[derive(Debug)]
pub struct Container<'r> {
    root: &'r Root,
    /// Its id.
    pub id: String,
    /// Its first process.
    pub process: Arc<Process>,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl<'r> Container<'r> {
    pub(crate) fn new(
        root: &'r Root,
        id: String,
        process: Arc<Process>,
        (stdout, stderr): (PathBuf, PathBuf),
    ) -> Self {
        Self { root, id, process, stdout, stderr }
    }

    /// The number of its first process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.process.pid
    }

    /// Runs a verb on it: `container.run(&["kill"], &["TERM"])`.
    ///
    /// # Errors
    ///
    /// When `peapod` cannot be run.
    pub fn run(&self, verb: &[&str], after: &[&str]) -> Result<Output> {
        self.begin(verb, after)?.finish()
    }

    /// Starts a verb on it.
    ///
    /// # Errors
    ///
    /// When `peapod` cannot be run.
    pub fn begin(&self, verb: &[&str], after: &[&str]) -> Result<Running> {
        self.root.start(&[verb, &[&self.id], after].concat())
    }

    /// Runs a program in it, with options of `exec`.
    ///
    /// # Errors
    ///
    /// When `peapod` cannot be run.
    pub fn exec(&self, options: &[&str], args: &[&str]) -> Result<Output> {
        self.run(&[&["exec"], options].concat(), args)
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// When that is refused.
    pub fn start(&self) -> Result<()> {
        self.run(&["start"], &[])?.ok().map(drop)
    }

    /// Stops it, with that many seconds of grace.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn stop(&self, grace: &str) -> Result<()> {
        self.run(&["stop", "--grace-period", grace], &[])?.ok().map(drop)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn kill(&self, signal: &str) -> Result<()> {
        self.run(&["kill"], &[signal])?.ok().map(drop)
    }

    /// Deletes it.
    ///
    /// # Errors
    ///
    /// When that is refused.
    pub fn delete(&self, options: &[&str]) -> Result<()> {
        self.run(&[&["delete"], options].concat(), &[])?.ok().map(drop)
    }

    /// Its state.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn state(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.run(&["state"], &[])?.ok()?)?)
    }

    /// Its status.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn status(&self) -> Result<String> {
        let state = self.state()?;
        Ok(state["status"].as_str().context("no status")?.to_owned())
    }

    /// Waits for the end of its first process, and reaps it.
    ///
    /// # Errors
    ///
    /// When it does not end.
    pub fn wait(&self) -> Result<WaitStatus> {
        self.process.wait()
    }

    /// Waits for its end; answers with the exit code, if it was not ended by a signal.
    ///
    /// # Errors
    ///
    /// When it does not end.
    pub fn exit_code(&self) -> Result<Option<i32>> {
        match self.wait()? {
            WaitStatus::Exited(_, code) => Ok(Some(code)),
            _ => Ok(None),
        }
    }

    /// Waits until its output has `text` in it.
    ///
    /// # Errors
    ///
    /// When it has not by the deadline.
    pub fn says(&self, text: &str) -> Result<String> {
        wait::file_with(&self.stdout, text).with_context(|| self.complaints())
    }

    /// All its output, once it has ended by itself, with success.
    ///
    /// # Errors
    ///
    /// When it failed.
    pub fn output(&self) -> Result<String> {
        let status = self.wait()?;
        let output = fs::read_to_string(&self.stdout)?;
        let said = || format!("{status:?}: {output:?} {}", self.complaints());
        matches!(status, WaitStatus::Exited(_, 0)).then_some(()).with_context(said)?;
        Ok(output)
    }

    /// What it wrote to its standard error.
    #[must_use]
    pub fn complaints(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// Its cgroup.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn cgroup(&self) -> Result<Cgroup> {
        let path = format!("/proc/{}/cgroup", self.pid());
        let text = fs::read_to_string(&path).with_context(|| path)?;
        let own = text.lines().find_map(|line| line.strip_prefix("0::"));
        Cgroup::at(own.context("no cgroup of version 2")?)
    }

    /// Which namespace its first process is in.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn namespace(&self, kind: &str) -> Result<String> {
        process::namespace(self.pid(), kind)
    }
}
