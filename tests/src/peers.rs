//! The root with other runtimes and their clients, which `scripts/peers.sh` makes: sessions in it,
//! on this kernel.

use crate::root::Root;
use crate::run::Running;
use crate::wait::readable;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{env, fs};

/// A session starts engines and dozens of containers, on a loaded machine too.
const PATIENCE: Duration = Duration::from_secs(240);

/// That root.
#[derive(Debug)]
pub struct Peers {
    path: PathBuf,
}

/// Where a session runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// On this kernel.
    Ours,
    /// Under User-Mode-Linux, as `scripts/vm.sh` has it: with the controllers that limits need.
    UserMode,
}

/// What came of a command of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The command.
    pub command: String,
    /// Its exit code.
    pub code: i32,
    /// What it printed, on stdout and stderr.
    pub output: String,
}

/// Runs a script in a PID namespace of its own, whose processes end with it, and removes the
/// cgroups in which the engines put their containers.
const ALONE: &str = r#"
    unshare --pid --fork --kill-child --mount-proc bash -c "$1"
    for top in libpod_parent default k8s.io; do
        find "/sys/fs/cgroup/$top" -depth -type d -exec rmdir {} + 2>/dev/null
    done
    exit 0"#;

static SESSION: Mutex<()> = Mutex::new(());

impl Peers {
    /// The root, if there is one here: at `PEAPOD_PEERS`, or in the cache of the scripts.
    #[must_use]
    pub fn find() -> Option<Self> {
        let cached = || repository().join(".cache/peers");
        let path = env::var_os("PEAPOD_PEERS").map_or_else(cached, PathBuf::from);
        path.join("usr/bin/podman").exists().then_some(Self { path })
    }

    /// Runs `commands` in bash, one by one, after `prelude`. Whatever they have started ends with
    /// the last of them: they have a PID namespace of their own.
    ///
    /// # Errors
    ///
    /// When they cannot be run, or do not end.
    pub fn session(&self, root: &Root, prelude: &str, commands: &[&str]) -> Result<Vec<Outcome>> {
        self.session_on(Kernel::Ours, root, prelude, commands)
    }

    /// The same, on a kernel that is named.
    ///
    /// # Errors
    ///
    /// When they cannot be run, or do not end.
    pub fn session_on(
        &self,
        kernel: Kernel,
        root: &Root,
        prelude: &str,
        commands: &[&str],
    ) -> Result<Vec<Outcome>> {
        const STEP: &str = r#"
            set -u
            cd /tmp
            step() {
                eval "$1" </dev/null >/tmp/step.out 2>&1
                code=$?
                cat /tmp/step.out
                printf '\n@@ %d\n' "$code"
            }"#;
        let mut script = format!("{STEP}\n{prelude}\n");
        for command in commands {
            script.push_str(&format!("step '{}'\n", command.replace('\'', r"'\''")));
        }
        let mut inside = Command::new(repository().join("scripts/peers.sh"));
        inside.arg(&self.path);
        match kernel {
            Kernel::Ours => inside.args(["bash", "-c", ALONE, "bash", &script]),
            Kernel::UserMode => {
                inside.arg(repository().join("scripts/vm.sh"));
                inside.args(["--deadline", "200", "bash", "-c", &script])
            }
        };
        // One at a time: what is removed at the end must not be what another one begins with.
        let _held = SESSION.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = root.id(&format!("session-{}", commands.len()));
        let file = |kind: &str| root.file(&format!("{mark}.{kind}"));
        let running = Running::start(&mut inside, file("stdout"), file("stderr"))?;
        ensure!(readable(&running.process, PATIENCE)?, "no end after {PATIENCE:?}: {running:?}");
        let said = running.finish()?;
        fs::remove_file(file("stdout"))?;
        fs::remove_file(file("stderr"))?;
        let outcomes = outcomes(&said.stdout, commands)?;
        ensure!(outcomes.len() == commands.len(), "{said:?}");
        Ok(outcomes)
    }
}

fn outcomes(text: &str, commands: &[&str]) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    let mut rest = text;
    for command in commands {
        let Some((output, after)) = rest.split_once("\n@@ ") else { break };
        let (code, after) = after.split_once('\n').context("half a session")?;
        let (command, output) = ((*command).to_owned(), output.trim_end().to_owned());
        outcomes.push(Outcome { command, code: code.parse()?, output });
        rest = after;
    }
    Ok(outcomes)
}

/// Where this repository is, which is seen in the root at the same path.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("")
}
