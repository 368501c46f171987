//! `peapod start`.

use anyhow::Result;
use nix::sys::wait::WaitStatus;
use tests::Root;

#[test]
fn the_sample_says_hello() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["echo", "hello from a container"])?;
    let container = root.start_container("c", &bundle)?;
    assert_eq!(container.output()?, "hello from a container\n");
    assert_eq!(container.complaints(), "");
    Ok(())
}

#[test]
fn the_exit_code_is_that_of_the_program() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("exit 42")?)?;
    assert_eq!(container.exit_code()?, Some(42));
    Ok(())
}

#[test]
fn a_container_is_started_once() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let message = container.run(&["start"], &[])?.refused()?;
    assert!(message.contains("cannot start an already running container"), "{message}");
    container.stop("0")?;
    let message = container.run(&["start"], &[])?.refused()?;
    assert!(message.contains("cannot start a container that has stopped"), "{message}");
    Ok(())
}

#[test]
fn a_container_that_was_killed_before_cannot_be_started() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    container.kill("KILL")?;
    container.wait()?;
    let message = container.run(&["start"], &[])?.refused()?;
    assert!(message.contains("cannot start a container that has stopped"), "{message}");
    Ok(())
}

#[test]
fn what_does_not_exist_cannot_be_started() -> Result<()> {
    let root = Root::new()?;
    let message = root.run(&["start", "nobody"])?.refused()?;
    assert!(message.contains("nobody") && message.contains("does not exist"), "{message}");
    Ok(())
}

#[test]
fn a_file_that_is_no_program_is_an_error_of_start() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["/bin/text"])?.with_file("bin/text", "no program\n")?;
    let container = root.create("c", &bundle)?;
    let message = container.run(&["start"], &[])?.refused()?;
    assert!(message.contains("ENOEXEC") || message.contains("format error"), "{message}");
    assert!(matches!(container.wait()?, WaitStatus::Exited(_, 1)));
    assert_eq!(container.status()?, "stopped");
    container.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn a_script_runs_by_its_interpreter() -> Result<()> {
    let root = Root::new()?;
    let script = "#!/bin/sh\necho \"$0 $1\"\n";
    let bundle = root.bundle(&["script", "argument"])?.with_file("bin/script", script)?;
    let container = root.start_container("c", &bundle)?;
    assert_eq!(container.output()?, "/bin/script argument\n");
    Ok(())
}
