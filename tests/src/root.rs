//! A state directory of a test's own, and everything that is made in it.

use crate::bundle::Bundle;
use crate::cgroup::Cgroup;
use crate::container::Container;
use crate::process::{Process, reap_all};
use crate::run::{Output, Running};
use crate::sandbox::Sandbox;
use crate::terminal::Terminal;
use crate::trace::{self, Fault, Traced};
use crate::wait::DEADLINE;
use crate::{leftovers, machine};
use anyhow::{Context, Result, ensure};
use nix::sys::prctl::set_child_subreaper;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A `--root`, bundles, and what `peapod` makes of them. Dropped, all of it is deleted.
#[derive(Debug)]
pub struct Root {
    directory: PathBuf,
    /// In every name that this root gives: no other root's names have it.
    mark: String,
    /// What stands before each verb.
    globals: Vec<String>,
    count: AtomicU32,
    /// What has been started here and must be reaped.
    processes: Mutex<Vec<Arc<Process>>>,
}

static ROOTS: AtomicU32 = AtomicU32::new(0);

impl Root {
    /// # Errors
    ///
    /// When tests cannot be run here: without privileges, cgroup v2, or the programs.
    pub fn new() -> Result<Self> {
        machine::check()?;
        // Orphans become children of this process, which reaps them: the host's init may take
        // seconds to.
        set_child_subreaper(true)?;
        let number = ROOTS.fetch_add(1, Ordering::Relaxed);
        let mark = format!("p{}-{number}-", std::process::id());
        let directory = machine::scratch().join(format!("{mark}peapod"));
        DirBuilder::new().mode(0o700).create(&directory)?;
        DirBuilder::new().mode(0o700).create(directory.join("state"))?;
        let globals = Vec::new();
        Ok(Self { directory, mark, globals, count: AtomicU32::new(0), processes: Mutex::default() })
    }

    /// With options that stand before each verb.
    #[must_use]
    pub fn with_globals(mut self, globals: &[&str]) -> Self {
        self.globals = globals.iter().map(|&option| option.to_owned()).collect();
        self
    }

    /// The directory that `--root` names.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.directory.join("state")
    }

    /// A path for a file of the test.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The id of what a test calls `name`. Ids are the names of cgroups too, which all share.
    #[must_use]
    pub fn id(&self, name: &str) -> String {
        format!("{}{name}", self.mark)
    }

    /// A bundle that runs a program.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn bundle(&self, args: &[&str]) -> Result<Bundle> {
        Bundle::make(self.file(&format!("bundle-{}", self.next())), args)
    }

    /// A bundle that runs a shell script.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn shell(&self, script: &str) -> Result<Bundle> {
        self.bundle(&["sh", "-c", script])
    }

    /// Runs `peapod` with this root.
    ///
    /// # Errors
    ///
    /// When it cannot be run, or does not end.
    pub fn run(&self, args: &[&str]) -> Result<Output> {
        self.start(args)?.finish()
    }

    /// Starts `peapod` with this root.
    ///
    /// # Errors
    ///
    /// When it cannot be run.
    pub fn start(&self, args: &[&str]) -> Result<Running> {
        self.start_command(Command::new(machine::runtime()?), args)
    }

    fn start_command(&self, mut command: Command, args: &[&str]) -> Result<Running> {
        command.arg("--root").arg(self.state()).args(&self.globals).args(args);
        let number = self.next();
        let file = |kind: &str| self.file(&format!("{number}.{kind}"));
        Running::start(&mut command, file("stdout"), file("stderr"))
    }

    /// Runs `peapod` with this root, traced, and does `fault` to it. What lives on is adopted.
    ///
    /// # Errors
    ///
    /// When it cannot be traced, or does not end.
    pub fn trace(&self, args: &[&str], fault: Fault) -> Result<Traced> {
        self.trace_with(args, None, fault)
    }

    /// The same, and traces a process beside it.
    ///
    /// # Errors
    ///
    /// When one of them cannot be traced, or does not end.
    pub fn trace_with(&self, args: &[&str], beside: Option<i32>, fault: Fault) -> Result<Traced> {
        let mut command = Command::new(machine::runtime()?);
        trace::allow(&mut command);
        let traced = trace::run(|| self.start_command(command, args), beside, fault)?;
        for process in trace::open_alive(&traced.alive)? {
            self.processes().push(Arc::new(process));
        }
        Ok(traced)
    }

    /// Starts `peapod` with this root by a shell that first does something else: opens descriptors,
    /// sets variables. `script` ends with what runs `"$@"`.
    ///
    /// # Errors
    ///
    /// When it cannot be run.
    pub fn start_by_shell(&self, script: &str, args: &[&str]) -> Result<Running> {
        let mut command = Command::new("bash");
        command.args(["-c", script, "bash"]).arg(machine::runtime()?);
        command.arg("--root").arg(self.state()).args(args);
        let number = self.next();
        let file = |kind: &str| self.file(&format!("{number}.{kind}"));
        Running::start(&mut command, file("stdout"), file("stderr"))
    }

    /// Starts `peapod` with this root on a terminal.
    ///
    /// # Errors
    ///
    /// When it cannot be run.
    pub fn start_on(&self, terminal: &Terminal, args: &[&str]) -> Result<Running> {
        let mut command = Command::new(machine::peapod()?);
        command.arg("--root").arg(self.state()).args(args);
        Running::start_on(&mut command, terminal.slave()?)
    }

    /// Starts to run a container in the foreground.
    ///
    /// # Errors
    ///
    /// When `peapod` cannot be run.
    pub fn start_run(&self, name: &str, bundle: &Bundle, options: &[&str]) -> Result<Running> {
        bundle.write()?;
        let path = bundle.path().to_str().context("the path of the bundle")?;
        self.start(&[&["run", "--bundle", path], options, &[&self.id(name)]].concat())
    }

    /// Tries to create a container.
    ///
    /// # Errors
    ///
    /// When `peapod` cannot be run; not when it refuses.
    pub fn try_create(&self, name: &str, bundle: &Bundle, options: &[&str]) -> Result<Output> {
        self.start_create(name, bundle, options)?.finish()
    }

    /// Starts to create a container.
    ///
    /// # Errors
    ///
    /// When `peapod` cannot be run.
    pub fn start_create(&self, name: &str, bundle: &Bundle, options: &[&str]) -> Result<Running> {
        bundle.write()?;
        let path = bundle.path().to_str().context("the path of the bundle")?;
        let id = self.id(name);
        self.start(&[&["create", "--bundle", path], options, &[&id]].concat())
    }

    /// Creates a container.
    ///
    /// # Errors
    ///
    /// When it cannot be created.
    pub fn create(&self, name: &str, bundle: &Bundle) -> Result<Container<'_>> {
        self.create_with(name, bundle, &[])
    }

    /// Creates a container, with options.
    ///
    /// # Errors
    ///
    /// When it cannot be created.
    pub fn create_with(
        &self,
        name: &str,
        bundle: &Bundle,
        options: &[&str],
    ) -> Result<Container<'_>> {
        let pid_file = self.file(&format!("{name}.pid"));
        let path = pid_file.to_str().context("the path of the pid file")?;
        let options = [options, &["--pid-file", path]].concat();
        let running = self.start_create(name, bundle, &options)?;
        let output = (running.stdout.clone(), running.stderr.clone());
        running.finish()?.ok()?;
        let process = self.adopt(read_pid(&pid_file)?)?;
        Ok(Container::new(self, self.id(name), process, output))
    }

    /// Restores a container.
    ///
    /// # Errors
    ///
    /// When it cannot be.
    pub fn restore(&self, name: &str, bundle: &Bundle, options: &[&str]) -> Result<Container<'_>> {
        bundle.write()?;
        let path = bundle.path().to_str().context("the path of the bundle")?;
        let pid_file = self.file(&format!("{name}.restored.pid"));
        let file = pid_file.to_str().context("the path of the pid file")?;
        let (id, fixed) = (self.id(name), ["--bundle", path, "--pid-file", file]);
        let running = self.start(&[&["restore"], &fixed[..], options, &[&id]].concat())?;
        let output = (running.stdout.clone(), running.stderr.clone());
        running.finish()?.ok()?;
        let process = self.adopt(read_pid(&pid_file)?)?;
        Ok(Container::new(self, id, process, output))
    }

    /// Creates and starts a container.
    ///
    /// # Errors
    ///
    /// When it cannot be.
    pub fn start_container(&self, name: &str, bundle: &Bundle) -> Result<Container<'_>> {
        let container = self.create(name, bundle)?;
        container.start()?;
        Ok(container)
    }

    /// Creates a sandbox.
    ///
    /// # Errors
    ///
    /// When it cannot be created.
    pub fn sandbox(&self, name: &str, options: &[&str]) -> Result<Sandbox<'_>> {
        let id = self.id(name);
        let text = self.run(&[&["sandbox", "create"], options, &[&id]].concat())?.ok()?;
        let created: serde_json::Value = serde_json::from_str(&text)?;
        let pid = created["pid"].as_i64().with_context(|| text.clone())?;
        let process = self.adopt(i32::try_from(pid)?)?;
        Ok(Sandbox::new(self, id, process, created))
    }

    /// Makes a cgroup at the top of the tree.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn make_cgroup(&self, name: &str) -> Result<Cgroup> {
        let cgroup = Cgroup::at(&self.id(name))?;
        fs::create_dir(cgroup.path())?;
        Ok(cgroup)
    }

    /// Opens a process that is to be reaped when all is over.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub fn adopt(&self, pid: i32) -> Result<Arc<Process>> {
        let process = Arc::new(Process::open(pid)?);
        self.processes().push(Arc::clone(&process));
        Ok(process)
    }

    /// Adopts every process in a cgroup of this root's, whoever has started it.
    ///
    /// # Errors
    ///
    /// When `/proc` cannot be read.
    pub fn adopt_all(&self) -> Result<()> {
        for pid in leftovers::processes(&self.mark)? {
            // It may end while it is looked at.
            if let Ok(process) = Process::open(pid) {
                self.processes().push(Arc::new(process));
            }
        }
        Ok(())
    }

    /// Waits a moment, and reaps what has ended meanwhile in a cgroup of this root's.
    ///
    /// # Errors
    ///
    /// When `/proc` cannot be read.
    pub fn reap_orphans(&self) -> Result<()> {
        for pid in leftovers::processes(&self.mark)? {
            if let Ok(process) = Process::open(pid)
                && process.ends_within(Duration::from_millis(5))?
            {
                // ECHILD: somebody else's, who reaps it.
                drop(process.wait());
            }
        }
        Ok(())
    }

    /// Waits until all processes that were started here have ended, or the deadline is over.
    ///
    /// # Errors
    ///
    /// When they cannot be waited for.
    pub fn reap_what_ends(&self) -> Result<()> {
        for process in self.processes().iter() {
            process.ends_within(DEADLINE)?;
        }
        Ok(())
    }

    /// Removes by hand whatever is left of what was created here: of a runtime that has failed.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub fn clear(&self) -> Result<()> {
        self.adopt_all()?;
        leftovers::remove_cgroups(&self.mark)?;
        for entry in fs::read_dir(self.state())? {
            fs::remove_dir_all(entry?.path())?;
        }
        self.reap()
    }

    /// Reaps every process that was started here; all must have ended or be about to.
    ///
    /// # Errors
    ///
    /// When one lives on.
    pub fn reap(&self) -> Result<()> {
        let mut processes = self.processes();
        reap_all(&processes)?;
        processes.clear();
        Ok(())
    }

    /// Makes sure that nothing is left of what was created here: no state, no cgroup, no mount, no
    /// process, and no zombie once those are reaped that were started here.
    ///
    /// # Errors
    ///
    /// When something is, which the error names.
    pub fn has_nothing_left(&self) -> Result<()> {
        self.reap()?;
        let left = leftovers::find(&self.mark, &self.state())?;
        ensure!(left.is_empty(), "left behind: {left:#?}");
        Ok(())
    }

    fn next(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    fn processes(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Process>>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clean_up(&self) -> Result<()> {
        for entry in fs::read_dir(self.state())? {
            let name = entry?.file_name();
            let id = name.to_str().context("the name of a container")?;
            if id.starts_with('.') {
                continue;
            }
            // A sandbox first, with its members; what the one verb refuses is for the other.
            if !self.run(&["sandbox", "delete", "--force", id])?.status.success() {
                drop(self.run(&["delete", "--force", id])?);
            }
        }
        leftovers::remove_cgroups(&self.mark)?;
        self.reap()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // A test that has failed has said what it had to say.
        drop(self.clean_up());
        drop(fs::remove_dir_all(&self.directory));
    }
}

fn read_pid(path: &Path) -> Result<i32> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.parse().with_context(|| format!("not a pid: {text:?}"))
}
