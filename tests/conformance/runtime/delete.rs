//! runtime.md, "Delete".

use anyhow::{Result, ensure};
use std::fs;
use tests::Root;

#[test]
fn it_needs_an_id() -> Result<()> {
    ensure!(!Root::new()?.run(&["delete"])?.status.success());
    Ok(())
}

#[test]
fn a_container_that_does_not_exist_is_an_error() -> Result<()> {
    let root = Root::new()?;
    ensure!(!root.run(&["delete", &root.id("gone")])?.status.success());
    Ok(())
}

#[test]
fn one_that_runs_is_an_error_and_runs_on() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("exec sleep 1000")?)?;
    ensure!(!container.run(&["delete"], &[])?.status.success());
    ensure!(container.status()? == "running");
    Ok(())
}

#[test]
fn what_create_has_made_is_gone() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("exec sleep 1000")?)?;
    container.kill("KILL")?;
    container.wait()?;
    container.delete(&[])?;
    ensure!(!container.run(&["state"], &[])?.status.success());
    root.has_nothing_left()
}

#[test]
fn what_create_has_not_made_stays() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?;
    let container = root.start_container("c", &bundle)?;
    container.wait()?;
    container.delete(&[])?;
    ensure!(fs::exists(bundle.path().join("config.json"))?);
    ensure!(fs::exists(bundle.rootfs().join("bin/busybox"))?);
    Ok(())
}

#[test]
fn a_cgroup_that_was_there_before_stays() -> Result<()> {
    let root = Root::new()?;
    let outer =
        root.shell("exec sleep 1000")?.with("/linux/cgroupsPath", format!("/{}", root.id("above")));
    let first = root.start_container("a", &outer)?;
    let group = first.cgroup()?;
    let own = group.path().parent().map(std::path::Path::to_owned).unwrap_or_default();
    first.kill("KILL")?;
    first.wait()?;
    first.delete(&[])?;
    ensure!(own.exists(), "{own:?}");
    Ok(())
}

#[test]
fn the_id_can_be_used_again() -> Result<()> {
    let root = Root::new()?;
    for _ in 0..2 {
        let container = root.start_container("c", &root.shell("echo here")?)?;
        ensure!(container.output()? == "here\n");
        container.delete(&[])?;
        fs::remove_file(root.file("c.pid"))?;
    }
    Ok(())
}
