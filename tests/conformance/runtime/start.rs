//! runtime.md, "Start".

use anyhow::{Result, ensure};
use tests::Root;

#[test]
fn it_needs_an_id() -> Result<()> {
    ensure!(!Root::new()?.run(&["start"])?.status.success());
    Ok(())
}

#[test]
fn a_container_that_does_not_exist_is_an_error() -> Result<()> {
    let root = Root::new()?;
    ensure!(!root.run(&["start", &root.id("gone")])?.status.success());
    Ok(())
}

#[test]
fn one_that_runs_is_an_error_and_runs_on() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("exec sleep 1000")?)?;
    ensure!(!container.run(&["start"], &[])?.status.success());
    ensure!(container.status()? == "running");
    Ok(())
}

#[test]
fn one_that_has_stopped_is_an_error_and_stays_stopped() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("true")?)?;
    container.wait()?;
    ensure!(!container.run(&["start"], &[])?.status.success());
    ensure!(container.status()? == "stopped");
    Ok(())
}

#[test]
fn the_program_runs() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("echo it runs")?)?;
    ensure!(container.output()? == "it runs\n");
    Ok(())
}

#[test]
fn the_status_is_running() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("exec sleep 1000")?)?;
    ensure!(container.status()? == "running");
    Ok(())
}
