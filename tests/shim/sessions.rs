//! Sessions with a real containerd: of our shim alone, or of runc's first and then of ours.

use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use tests::{Kernel, Outcome, Peers, Root, Session, peapod, skipped};

const OURS: &str = "io.containerd.peapod.v1";
const THEIRS: &str = "io.containerd.runc.v2";

/// Runs a session with our shim; without the peers' root, `None`.
pub(crate) fn session(name: &str, commands: &[&str]) -> Result<Option<Session>> {
    let Some(peers) = found(name)? else { return Ok(None) };
    run(&peers, Kernel::Ours, OURS, commands).map(|outcomes| Some(Session(outcomes)))
}

/// Runs a session with our shim under User-Mode-Linux.
pub(crate) fn session_in_vm(name: &str, commands: &[&str]) -> Result<Option<Session>> {
    let Some(peers) = found_with_vm(name)? else { return Ok(None) };
    run(&peers, Kernel::UserMode, OURS, commands).map(|outcomes| Some(Session(outcomes)))
}

/// Runs it with runc's shim before. What comes of it must be the same: exit codes, and the output
/// where a command succeeds.
pub(crate) fn compare(name: &str, commands: &[&str]) -> Result<Option<Session>> {
    let Some(peers) = found(name)? else { return Ok(None) };
    compare_on(&peers, Kernel::Ours, commands).map(Some)
}

/// The same under User-Mode-Linux.
pub(crate) fn compare_in_vm(name: &str, commands: &[&str]) -> Result<Option<Session>> {
    let Some(peers) = found_with_vm(name)? else { return Ok(None) };
    compare_on(&peers, Kernel::UserMode, commands).map(Some)
}

fn compare_on(peers: &Peers, kernel: Kernel, commands: &[&str]) -> Result<Session> {
    let theirs = run(peers, kernel, THEIRS, commands)?;
    let ours = run(peers, kernel, OURS, commands)?;
    for (theirs, ours) in theirs.iter().zip(&ours) {
        let is_same = theirs.code != 0 || plain(&theirs.output) == plain(&ours.output);
        ensure!(theirs.code == ours.code && is_same, "{THEIRS}: {theirs:#?}\n{OURS}: {ours:#?}");
    }
    Ok(Session(ours))
}

fn found(name: &str) -> Result<Option<Peers>> {
    let found = Peers::find();
    if found.is_none() {
        skipped(name, "there is no peers' root: scripts/peers.sh .cache/peers makes one")?;
    }
    Ok(found)
}

/// The peers' root, where User-Mode-Linux runs: on one architecture.
fn found_with_vm(name: &str) -> Result<Option<Peers>> {
    if cfg!(target_arch = "x86_64") {
        return found(name);
    }
    skipped(name, "User-Mode-Linux runs on x86_64 alone")?;
    Ok(None)
}

fn run(peers: &Peers, kernel: Kernel, runtime: &str, commands: &[&str]) -> Result<Vec<Outcome>> {
    let root = Root::new()?;
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
    let (shim, prelude) = (shim()?, include_str!("containerd.sh"));
    let prelude = format!("repository={repository:?} shim={shim:?} type={runtime}\n{prelude}");
    peers.session_on(kernel, &root, &prelude, commands)
}

/// The shim: built beside `peapod`.
fn shim() -> Result<PathBuf> {
    let shim = peapod()?.canonicalize()?.with_file_name("containerd-shim-peapod-v1");
    ensure!(shim.exists(), "no shim at {shim:?}: build it");
    Ok(shim)
}

/// Without what is new in each run: the numbers of processes, when something happened, and when
/// the end of the input was echoed.
fn plain(text: &str) -> String {
    let text = text.replace("^@", "");
    let is_new = |word: &str| word.starts_with("time=") || word.parse::<u64>().is_ok();
    let words = text.split_whitespace().map(|word| if is_new(word) { "N" } else { word });
    words.collect::<Vec<_>>().join(" ")
}
