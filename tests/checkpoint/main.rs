//! Checkpoint and restore. Needs root and CRIU: `scripts/test.sh` runs this in the root of
//! `scripts/peers.sh`, which has it.

mod checkpoint;
mod restore;

use anyhow::{Context, Result};
use std::env;
use std::path::Path;
use tests::{Bundle, Container, Root, skipped};

/// Whether CRIU is there; without it the test is skipped.
fn has_criu(test: &str) -> Result<bool> {
    let path = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&path).any(|directory| directory.join("criu").exists()) {
        return Ok(true);
    }
    skipped(test, "criu is not installed")?;
    Ok(false)
}

/// A container that counts in `/tmp/count` and holds on to nothing of the host's but what its stdio
/// is.
fn counter(root: &Root, stdio: &str) -> Result<Bundle> {
    let script = format!("exec {stdio}; n=0; while :; do n=$((n+1)); echo $n >/tmp/count; done");
    let bundle = root.shell(&script)?.as_root(&[]);
    Ok(bundle.with_mount("tmpfs", "tmpfs", "/tmp", &[]))
}

const NULL: &str = "</dev/null >/dev/null 2>&1";

/// How far it has come.
fn count(container: &Container<'_>) -> Result<u64> {
    // Before the first number there is no file, and between two the file is empty.
    let read = "until n=$(cat /tmp/count 2>/dev/null) && [ -n \"$n\" ]; do :; done; echo $n";
    Ok(container.exec(&[], &["sh", "-c", read])?.ok()?.trim().parse()?)
}

fn path(file: &Path) -> Result<&str> {
    file.to_str().context("a path")
}
