//! A pause that runs, with whatever else is in its PID namespace.

use std::{
    env,
    fs::{self, File},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sched::{CloneFlags, setns, unshare},
    sys::socket::{AddressFamily, SockFlag, SockType, socketpair},
    unistd::read,
};

/// More than anything here takes, on a loaded machine too.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Stands for the number of pause's descriptor in a command line.
pub(crate) const LINK: &str = "{link}";

/// Held while a descriptor can be inherited by more than the process that it is for: a second owner
/// would hide that the first has ended.
static STARTING: Mutex<()> = Mutex::new(());

/// The program under test: `PEAPOD_PAUSE`, or what is built beside this test.
pub(crate) fn program() -> Result<String> {
    let path = match env::var_os("PEAPOD_PAUSE") {
        Some(path) => PathBuf::from(path),
        None => {
            let test = env::current_exe()?;
            let target = test.ancestors().nth(3).context("this test is in no target directory")?;
            target.join("release/pause")
        }
    };
    ensure!(path.exists(), "{} is missing: cargo build --release -p pause", path.display());
    path.into_os_string().into_string().map_err(|path| anyhow!("not UTF-8: {path:?}"))
}

/// The PID namespace that a program is started in.
#[derive(Clone, Copy)]
pub(crate) enum Namespace<'a> {
    /// As its PID 1.
    New,
    Ours,
    Of(&'a File),
}

pub(crate) struct Pod {
    first: Child,
    /// The number of pause here, outside.
    pub(crate) pid: u32,
    /// The other end of the socket that pause has.
    pub(crate) link: OwnedFd,
}

impl Pod {
    /// A pause that is ready, as the PID 1 of a new namespace.
    pub(crate) fn start() -> Result<Self> {
        Self::start_by(&[])
    }

    /// The same, executed by another program, whose command line pause's is the end of.
    pub(crate) fn start_by(launcher: &[&str]) -> Result<Self> {
        let pod = Self::run(Namespace::New, &[launcher, &[&program()?, LINK]].concat())?;
        pod.ready()?;
        Ok(pod)
    }

    /// A pause that may not be ready, or not a pause yet.
    pub(crate) fn run(namespace: Namespace<'_>, words: &[&str]) -> Result<Self> {
        let (link, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
        let number = theirs.as_raw_fd().to_string();
        let mut command = command(words.iter().map(|word| word.replace(LINK, &number)));
        // The environment is on the stack, and a pod's pause has none.
        command.env_clear();
        let first = {
            let _starting = STARTING.lock().map_err(|_| anyhow!("no other test can start"))?;
            fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty()))?;
            let first = spawn(&mut command, namespace)?;
            drop(theirs);
            first
        };
        Ok(Self { pid: first.id(), first, link })
    }

    /// Waits until pause says so.
    pub(crate) fn ready(&self) -> Result<()> {
        let mut bytes = [0; 2];
        ensure!(readable(&self.link, DEADLINE)?, "not ready in {DEADLINE:?}");
        let length = read(&self.link, &mut bytes)?;
        ensure!(length == 1, "{length} bytes from pause");
        Ok(())
    }

    /// Starts a process of the pod, which is a child of ours.
    pub(crate) fn spawn(&self, command: &mut Command) -> Result<Child> {
        let namespace = File::open(format!("/proc/{}/ns/pid", self.pid))?;
        let _starting = STARTING.lock().map_err(|_| anyhow!("no other test can start"))?;
        spawn(command, Namespace::Of(&namespace))
    }

    /// Runs a process of the pod to its end.
    pub(crate) fn inside(&self, words: &[&str]) -> Result<Output> {
        let mut command = command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(self.spawn(&mut command)?.wait_with_output()?)
    }

    /// Sends pause a signal from outside. By number: nix knows no real-time signals.
    pub(crate) fn signal(&self, number: i32) -> Result<()> {
        let kill = format!("kill -{number} {}", self.pid);
        let status = command(["sh", "-c", &kill]).status()?;
        ensure!(status.success(), "{kill}: {status}");
        Ok(())
    }

    /// Waits until pause has taken every signal and reaped every child; its status, if it ended.
    ///
    /// Nothing tells when a signal has been taken or a process reaped, so this asks repeatedly.
    pub(crate) fn settle(&mut self) -> Result<Option<ExitStatus>> {
        let start = Instant::now();
        while start.elapsed() < DEADLINE {
            // In this order: a PID 1 may sleep while it ends, but then has closed its descriptors.
            let idle = self.is_idle()?;
            if readable(&self.link, Duration::from_millis(u64::from(!idle)))? {
                return Ok(Some(self.first.wait()?));
            }
            if idle {
                return Ok(None);
            }
        }
        bail!("busy for {DEADLINE:?}: {}", self.status()?)
    }

    /// Whether pause waits, with no signal pending that it waits for, and has no child.
    fn is_idle(&self) -> Result<bool> {
        // SIGINT, SIGTERM, SIGCHLD. Others stay pending where they are blocked.
        const AWAITED: u64 = 1 << 1 | 1 << 14 | 1 << 16;
        let mut pending = 0;
        for set in ["SigPnd", "ShdPnd"] {
            pending |= u64::from_str_radix(&self.field(set)?, 16)?;
        }
        Ok(self.field("State")?.starts_with('S')
            && self.field("Name")? == "pause"
            && pending & AWAITED == 0
            && children(self.pid)?.is_empty())
    }

    /// Waits for the end of pause.
    pub(crate) fn end(mut self) -> Result<ExitStatus> {
        ensure!(readable(&self.link, DEADLINE)?, "it has not ended: {}", self.status()?);
        Ok(self.first.wait()?)
    }

    /// The memory in use, in kB. Not from `status`, whose figure Linux before 6.16 only estimates.
    pub(crate) fn resident(&self) -> Result<u32> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
        Ok(line.context("no Rss")?.trim().trim_end_matches(" kB").parse()?)
    }

    fn status(&self) -> Result<String> {
        Ok(fs::read_to_string(format!("/proc/{}/status", self.pid))?)
    }

    /// A line of `/proc/PID/status`.
    pub(crate) fn field(&self, name: &str) -> Result<String> {
        let status = self.status()?;
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        Ok(value.with_context(|| format!("no {name} in {status}"))?.trim().to_owned())
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        // These fail if it has ended and been waited for, as is well.
        drop(self.first.kill());
        drop(self.first.wait());
    }
}

/// The children of a process, among them the dead ones that it has not reaped.
pub(crate) fn children(parent: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may be gone by now.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // proc_pid_stat(5): state and parent follow the name, which may have parentheses.
        let (_, fields) = stat.rsplit_once(") ").context("a process without a name")?;
        if fields.split(' ').nth(1).context("a process without a parent")? == parent.to_string() {
            found.push(pid);
        }
    }
    Ok(found)
}

pub(crate) fn command<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Command {
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().as_ref().map_or("", AsRef::as_ref));
    command.args(words.map(|word| word.as_ref().to_owned())).stdin(Stdio::null());
    command
}

/// Whether there is something to read, were it the end, before the timeout.
pub(crate) fn readable(descriptor: impl AsFd, timeout: Duration) -> Result<bool> {
    let mut polled = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut polled, PollTimeout::try_from(timeout)?)? > 0)
}

fn spawn(command: &mut Command, namespace: Namespace<'_>) -> Result<Child> {
    // In a thread of its own, for which alone unshare and setns choose where its children begin.
    let thread = || -> Result<Child> {
        match namespace {
            Namespace::New => unshare(CloneFlags::CLONE_NEWPID).context("unshare: not root?")?,
            Namespace::Of(file) => setns(file, CloneFlags::CLONE_NEWPID)?,
            Namespace::Ours => {}
        }
        let words = format!("{command:?}");
        command.spawn().context(words)
    };
    thread::scope(|scope| scope.spawn(thread).join()).map_err(|_| anyhow!("spawn panicked"))?
}
