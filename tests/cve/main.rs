//! What has let containers out of other runtimes, tried from the outside: each test is named after
//! the CVE, advisory or measured defect. Needs root.
//!
//! `RUNTIME=/usr/bin/crun` puts another runtime to the same tests: those that it is known to fail
//! prove that the tests can fail. `scripts/cve.sh` makes TABLE.md of what came of it.

mod devices;
mod exec;
mod mounts;
mod process;
mod races;

use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use tests::{Bundle, Container, Root};

/// Creates, starts, and waits for the end of a container, if the runtime makes one at all; answers
/// with its output. To refuse is always right.
fn output(root: &Root, bundle: &Bundle) -> Result<Option<String>> {
    let Ok(container) = root.create("c", bundle) else {
        root.run(&["delete", "--force", &root.id("c")])?;
        return Ok(None);
    };
    let output = match container.run(&["start"], &[])?.status.success() {
        true => container.output().ok(),
        false => None,
    };
    gone(&container)?;
    Ok(output)
}

/// Deletes a container, whatever it does.
fn gone(container: &Container<'_>) -> Result<()> {
    container.run(&["delete", "--force"], &[]).map(drop)
}

/// A directory of the host that no container may change, with a file in it.
fn outside(root: &Root) -> Result<PathBuf> {
    let directory = root.file("outside");
    if !directory.exists() {
        fs::create_dir(&directory)?;
        fs::write(directory.join("canary"), "secret\n")?;
    }
    Ok(directory)
}

/// Makes sure that nothing has come to the directory outside, and that the canary is as it was.
fn is_untouched(root: &Root) -> Result<()> {
    let directory = outside(root)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(&directory)? {
        names.push(entry?.file_name());
    }
    anyhow::ensure!(names == ["canary"], "outside there is {names:?}");
    let text = fs::read_to_string(directory.join("canary")).context("the canary")?;
    anyhow::ensure!(text == "secret\n", "the canary says {text:?}");
    Ok(())
}

/// The bundle without anything on /dev but what its own root file system has there.
fn without_dev(bundle: Bundle) -> Bundle {
    ["/dev/pts", "/dev/shm", "/dev/mqueue", "/dev"]
        .into_iter()
        .fold(bundle, |bundle, place| bundle.without_mount(place))
        .with("/root/readonly", false)
}
