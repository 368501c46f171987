//! The same session with two runtimes.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use tests::{Outcome, Peers, Root, peapod, skipped};

/// What came of a session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) outcomes: Vec<Outcome>,
}

/// Runs a session with a peer and with peapod. What works with the peer must work with peapod: the
/// same exit codes, and the same output where a command succeeds. `prelude` makes a client ready to
/// use `$runtime`. Without the peers' root, `None`.
pub(crate) fn compare(
    name: &str,
    peer: &str,
    prelude: &str,
    commands: &[&str],
) -> Result<Option<Session>> {
    let Some(peers) = Peers::find() else {
        skipped(name, "there is no peers' root: scripts/peers.sh .cache/peers makes one")?;
        return Ok(None);
    };
    let root = Root::new()?;
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
    let with = |runtime: &Path| format!("repository={repository:?} runtime={runtime:?}\n{prelude}");
    let theirs = peers.session(&root, &with(Path::new(peer)), commands)?;
    let ours = peers.session(&root, &with(&peapod()?.canonicalize()?), commands)?;
    for (theirs, ours) in theirs.iter().zip(&ours) {
        ensure!(theirs.code == ours.code, "{peer}: {theirs:#?}\npeapod: {ours:#?}");
        let is_same = plain(&theirs.output) == plain(&ours.output);
        ensure!(theirs.code != 0 || is_same, "{peer}: {theirs:#?}\npeapod: {ours:#?}");
    }
    Ok(Some(Session { outcomes: ours }))
}

impl Session {
    /// The outcome of the command that begins like that.
    pub(crate) fn of(&self, start: &str) -> Result<&Outcome> {
        let found = self.outcomes.iter().find(|outcome| outcome.command.starts_with(start));
        found.with_context(|| format!("no command {start:?}"))
    }

    /// What a command printed, which must have succeeded.
    pub(crate) fn said(&self, start: &str) -> Result<&str> {
        let outcome = self.of(start)?;
        ensure!(outcome.code == 0, "{outcome:#?}");
        Ok(&outcome.output)
    }

    /// What a command complained of, which must have failed with that exit code.
    pub(crate) fn failed(&self, start: &str, code: i32) -> Result<&str> {
        let outcome = self.of(start)?;
        ensure!(outcome.code == code, "{outcome:#?}");
        Ok(&outcome.output)
    }
}

/// Without what is new in each run: the ids that engines give, and when something happened.
fn plain(text: &str) -> String {
    let is_id = |word: &str| word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.split_whitespace().filter(|word| !word.starts_with("time="));
    let words = words.map(|word| if is_id(word) { "ID" } else { word });
    words.collect::<Vec<_>>().join(" ")
}
