//! A cgroup, looked at from outside.

use crate::machine;
use crate::wait::{DEADLINE, happens};
use anyhow::{Context, Result, ensure};
use nix::poll::PollFlags;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A directory of the cgroup v2 tree.
#[derive(Debug, Clone)]
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// The group at a directory.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// The group of that path from the top of the tree.
    ///
    /// # Errors
    ///
    /// When there is no tree.
    pub fn at(path: &str) -> Result<Self> {
        Ok(Self(machine::cgroup_top()?.join(path.trim_start_matches('/'))))
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes a group below it.
    ///
    /// # Errors
    ///
    /// When that cannot be made.
    pub fn make_below(&self, name: &str) -> Result<Self> {
        let below = Self(self.0.join(name));
        fs::create_dir(&below.0).with_context(|| below.0.display().to_string())?;
        Ok(below)
    }

    /// Whether it is there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.0.exists()
    }

    /// One of its files.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn read(&self, file: &str) -> Result<String> {
        let path = self.0.join(file);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(text.trim_end().to_owned())
    }

    /// Writes one of its files.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn write(&self, file: &str, value: &str) -> Result<()> {
        let path = self.0.join(file);
        fs::write(&path, value).with_context(|| format!("{value:?} to {}", path.display()))
    }

    /// The processes in it, not those below.
    ///
    /// # Errors
    ///
    /// When the group is gone.
    pub fn processes(&self) -> Result<Vec<i32>> {
        self.read("cgroup.procs")?.lines().map(|line| Ok(line.parse()?)).collect()
    }

    /// Freezes it, and waits until all of it is frozen.
    ///
    /// # Errors
    ///
    /// When it is not by the deadline.
    pub fn freeze(&self) -> Result<()> {
        self.write("cgroup.freeze", "1")?;
        ensure!(self.becomes("frozen 1", DEADLINE)?, "{:?} does not freeze", self.0);
        Ok(())
    }

    /// Waits until it has no process, in it or below it; false if it has one then.
    ///
    /// # Errors
    ///
    /// When it cannot be watched.
    pub fn empties_within(&self, time: Duration) -> Result<bool> {
        self.becomes("populated 0", time)
    }

    /// Waits until it has a process.
    ///
    /// # Errors
    ///
    /// When it has none by the deadline.
    pub fn wait_until_populated(&self) -> Result<()> {
        ensure!(self.becomes("populated 1", DEADLINE)?, "{:?} stays empty", self.0);
        Ok(())
    }

    /// Waits until `cgroup.events` has that line. The kernel tells of its changes by `POLLPRI`.
    fn becomes(&self, line: &str, within: Duration) -> Result<bool> {
        let end = Instant::now() + within;
        let path = self.0.join("cgroup.events");
        let mut events = File::open(&path).with_context(|| path.display().to_string())?;
        loop {
            let mut text = String::new();
            events.rewind()?;
            events.read_to_string(&mut text)?;
            if text.lines().any(|found| found == line) {
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            happens(&events, PollFlags::POLLPRI, left)?;
        }
    }
}
