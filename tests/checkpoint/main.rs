//! Checkpoint and restore. Needs root and CRIU: `scripts/test.sh` runs this in the root of
//! `scripts/peers.sh`, which has it.

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

#[test]
fn a_container_goes_on_where_it_was() -> Result<()> {
    if !has_criu("a_container_goes_on_where_it_was")? {
        return Ok(());
    }
    let root = Root::new()?;
    let host = root.file("host");
    std::fs::create_dir(&host)?;
    std::fs::write(host.join("file"), "of the host")?;
    let bundle = counter(&root, NULL)?.with_mount("bind", path(&host)?, "/mnt", &["bind", "ro"]);
    let images = root.file("images");
    let container = root.start_container("c", &bundle)?;
    let before = count(&container)?;
    container.run(&["checkpoint", "--image-path", path(&images)?], &[])?.ok()?;
    container.run(&["state"], &[])?.refused()?;
    root.has_nothing_left()?;

    let options = ["--detach", "--image-path", path(&images)?];
    let container = root.restore("c", &bundle, &options)?;
    assert_eq!(container.status()?, "running");
    assert!(count(&container)? >= before);
    assert!(container.cgroup()?.path().ends_with(format!("peapod/{}", container.id)));
    assert_eq!(container.exec(&[], &["cat", "/mnt/file"])?.ok()?, "of the host");
    // What it sees of the cgroups begins with its own.
    let seen = container.exec(&[], &["cat", "/proc/self/cgroup"])?.ok()?;
    assert!(seen.contains("0::/\n"), "{seen}");
    container.run(&["pause"], &[])?.ok()?;
    assert_eq!(container.status()?, "paused");
    container.run(&["resume"], &[])?.ok()?;
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn one_may_go_on_beside_its_checkpoints() -> Result<()> {
    if !has_criu("one_may_go_on_beside_its_checkpoints")? {
        return Ok(());
    }
    let root = Root::new()?;
    let container = root.start_container("c", &counter(&root, NULL)?)?;
    let images = root.file("images");
    let checkpoint = ["checkpoint", "--leave-running", "--image-path", path(&images)?];
    container.run(&checkpoint, &[])?.ok()?;
    let before = count(&container)?;
    assert!(count(&container)? >= before);
    let copy =
        root.restore("d", &counter(&root, NULL)?, &["-d", "--image-path", path(&images)?])?;
    assert_eq!((copy.status()?, container.status()?), ("running".into(), "running".into()));
    copy.delete(&["--force"])?;
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn memory_that_an_earlier_one_has_is_not_written_again() -> Result<()> {
    let name = "memory_that_an_earlier_one_has_is_not_written_again";
    if !has_criu(name)? {
        return Ok(());
    }
    let root = Root::new()?;
    let container = root.start_container("c", &counter(&root, NULL)?)?;
    let (first, second) = (root.file("first"), root.file("second"));
    let options = ["checkpoint", "--pre-dump", "--image-path", path(&first)?];
    let output = container.run(&options, &[])?;
    if output.stderr.contains("Tracking memory is not available") {
        return skipped(name, "the kernel does not track which memory has changed");
    }
    output.ok()?;
    assert_eq!(container.status()?, "running");
    let options = ["checkpoint", "--parent-path", "../first", "--image-path", path(&second)?];
    container.run(&options, &[])?.ok()?;
    assert!(second.join("parent").exists(), "it has nothing of the first");
    let restored =
        root.restore("d", &counter(&root, NULL)?, &["-d", "--image-path", path(&second)?])?;
    count(&restored)?;
    restored.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn in_the_foreground_its_end_is_waited_for() -> Result<()> {
    if !has_criu("in_the_foreground_its_end_is_waited_for")? {
        return Ok(());
    }
    let root = Root::new()?;
    let host = root.file("host");
    std::fs::create_dir(&host)?;
    let script = format!("exec {NULL}; until [ -e /mnt/end ]; do :; done; exit 7");
    let bundle = root.shell(&script)?.as_root(&[]);
    let bundle = bundle.with_mount("bind", path(&host)?, "/mnt", &["bind", "ro"]);
    let container = root.start_container("c", &bundle)?;
    let images = root.file("images");
    container.run(&["checkpoint", "--image-path", path(&images)?], &[])?.ok()?;
    std::fs::write(host.join("end"), "")?;
    let options = ["--bundle", path(bundle.path())?, "--image-path", path(&images)?];
    let running = root.start(&[&["restore"], &options[..], &[&container.id]].concat())?;
    assert_eq!(running.finish()?.status.code(), Some(7));
    root.has_nothing_left()
}

#[test]
fn what_cannot_be_dumped_goes_on() -> Result<()> {
    if !has_criu("what_cannot_be_dumped_goes_on")? {
        return Ok(());
    }
    let root = Root::new()?;
    // Its stdout is a file of the host's.
    let container = root.start_container("c", &counter(&root, "</dev/null")?)?;
    let images = root.file("images");
    let message = container.run(&["checkpoint", "--image-path", path(&images)?], &[])?.refused()?;
    assert!(message.starts_with("criu: failed: ") && message.contains("dump.log"), "{message}");
    assert_eq!(container.status()?, "running");
    count(&container)?;
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn what_cannot_be_restored_leaves_nothing() -> Result<()> {
    if !has_criu("what_cannot_be_restored_leaves_nothing")? {
        return Ok(());
    }
    let root = Root::new()?;
    let bundle = counter(&root, NULL)?;
    bundle.write()?;
    let images = root.file("images");
    let id = root.id("c");
    let restore = || -> Result<String> {
        let (bundle, images) = (path(bundle.path())?, path(&images)?);
        root.run(&["restore", "--bundle", bundle, "--image-path", images, &id])?.refused()
    };
    let missing = restore()?;
    assert!(missing.contains("--image-path") && missing.contains("not a directory"), "{missing}");
    std::fs::create_dir(&images)?;
    let empty = restore()?;
    assert!(empty.contains("descriptors.json"), "{empty}");
    std::fs::write(images.join("descriptors.json"), "[\"\",\"\",\"\"]")?;
    let failed = restore()?;
    assert!(failed.contains("criu: failed") && failed.contains("restore.log"), "{failed}");
    root.has_nothing_left()
}

#[test]
fn a_state_or_a_place_that_cannot_be_written_is_refused() -> Result<()> {
    let root = Root::new()?;
    let images = root.file("images");
    let checkpoint = ["checkpoint", "--image-path", path(&images)?];
    let container = root.create("c", &root.bundle(&["sleep", "1000"])?)?;
    let message = container.run(&checkpoint, &[])?.refused()?;
    assert!(message.starts_with("cannot checkpoint a container that is created"), "{message}");
    container.delete(&["--force"])?;
    let sandbox = root.sandbox("pod", &[])?;
    let member = sandbox.start("m", &root.bundle(&["sleep", "1000"])?)?;
    let message = member.run(&checkpoint, &[])?.refused()?;
    assert!(message.contains("member of the sandbox"), "{message}");
    sandbox.delete(&["--force"])?;
    // CVE-2026-119614: it would name another mount to CRIU.
    let bundle = root.bundle(&["sleep", "1000"])?.with_mount("bind", "/", "/a]:/b", &["bind"]);
    let container = root.start_container("d", &bundle)?;
    let message = container.run(&checkpoint, &[])?.refused()?;
    assert!(message.starts_with("mounts: /a]:/b: "), "{message}");
    container.delete(&["--force"])?;
    root.has_nothing_left()
}
