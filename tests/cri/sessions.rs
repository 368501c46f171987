//! The same session with several runtimes of one containerd.

use anyhow::{Result, ensure};
use std::path::Path;
use tests::{Outcome, Peers, Root, Session, peapod, program, skipped};

/// runc, by its own shim.
const THEIRS: &str = "runc";

/// Ours, with containerd's pod sandbox: the default.
pub(crate) const PODSANDBOX: &str = "podsandbox";

/// Ours, with its own.
pub(crate) const SHIM: &str = "shim";

/// Ours, both ways.
pub(crate) const BOTH: [&str; 2] = [PODSANDBOX, SHIM];

/// Runs a session with each of `handlers`; none without the peers' root.
pub(crate) fn sessions(name: &str, handlers: &[&str], commands: &[&str]) -> Result<Vec<Session>> {
    let Some(peers) = Peers::find() else {
        skipped(name, "there is no peers' root: scripts/peers.sh .cache/peers makes one")?;
        return Ok(Vec::new());
    };
    let run = |handler: &&str| run(&peers, handler, commands).map(Session);
    handlers.iter().map(run).collect()
}

/// Runs it with runc's shim first. What comes of it must be the same: exit codes, and the output
/// where a command succeeds.
pub(crate) fn compare(name: &str, handlers: &[&str], commands: &[&str]) -> Result<Vec<Session>> {
    let mut sessions = sessions(name, &[&[THEIRS], handlers].concat(), commands)?;
    if sessions.is_empty() {
        return Ok(sessions);
    }
    let ours = sessions.split_off(1);
    for (handler, session) in handlers.iter().zip(&ours) {
        for (theirs, ours) in sessions.iter().flat_map(|session| &session.0).zip(&session.0) {
            let is_same = theirs.code != 0 || theirs.output == ours.output;
            ensure!(
                theirs.code == ours.code && is_same,
                "{THEIRS}: {theirs:#?}\n{handler}: {ours:#?}"
            );
        }
    }
    Ok(ours)
}

fn run(peers: &Peers, handler: &str, commands: &[&str]) -> Result<Vec<Outcome>> {
    let root = Root::new()?;
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
    let shim = peapod()?.canonicalize()?.with_file_name("containerd-shim-peapod-v1");
    ensure!(shim.exists(), "no shim at {shim:?}: build it");
    let client = program("cri")?;
    let prelude = format!(
        "repository={repository:?} shim={shim:?} client={client:?} handler={handler}\n{}",
        include_str!("containerd.sh")
    );
    peers.session(&root, &prelude, commands)
}
