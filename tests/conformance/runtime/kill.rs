//! runtime.md, "Kill".

use anyhow::{Result, ensure};
use tests::Root;

const TRAP: &str = "trap 'echo usr1; exit 3' USR1; echo ready; while true; do sleep 0.1; done";

#[test]
fn it_needs_an_id() -> Result<()> {
    ensure!(!Root::new()?.run(&["kill"])?.status.success());
    Ok(())
}

#[test]
fn a_container_that_does_not_exist_is_an_error() -> Result<()> {
    let root = Root::new()?;
    ensure!(!root.run(&["kill", &root.id("gone"), "TERM"])?.status.success());
    Ok(())
}

#[test]
fn one_that_has_stopped_is_an_error() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("true")?)?;
    container.wait()?;
    ensure!(!container.run(&["kill"], &["TERM"])?.status.success());
    ensure!(container.status()? == "stopped");
    Ok(())
}

#[test]
fn the_process_gets_the_signal() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell(TRAP)?)?;
    container.says("ready")?;
    container.kill("USR1")?;
    container.says("usr1")?;
    ensure!(container.exit_code()? == Some(3));
    Ok(())
}

#[test]
fn a_container_that_is_created_can_be_ended() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.shell("exec sleep 1000")?)?;
    container.kill("KILL")?;
    container.wait()?;
    ensure!(container.status()? == "stopped");
    Ok(())
}

#[test]
fn the_status_is_stopped_when_the_process_has_ended() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("exec sleep 1000")?)?;
    container.kill("KILL")?;
    container.wait()?;
    ensure!(container.status()? == "stopped");
    Ok(())
}

#[test]
fn the_status_is_stopped_when_the_process_has_ended_by_itself() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("exit 5")?)?;
    container.wait()?;
    ensure!(container.status()? == "stopped");
    Ok(())
}
