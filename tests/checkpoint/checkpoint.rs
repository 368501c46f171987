//! `peapod checkpoint`.

use crate::{NULL, count, counter, has_criu, path};
use anyhow::Result;
use tests::{Root, skipped};

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
    root.has_nothing_left()
}
