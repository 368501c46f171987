//! runtime.md, "Create".

use crate::shared;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::fs;
use tests::{Root, field_of};

#[test]
fn it_needs_an_id() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?;
    bundle.write()?;
    let path = bundle.path().to_str().context("a path")?;
    ensure!(!root.run(&["create", "--bundle", path])?.status.success());
    Ok(())
}

#[test]
fn it_needs_a_bundle() -> Result<()> {
    let root = Root::new()?;
    let path = root.file("gone").to_string_lossy().into_owned();
    ensure!(!root.run(&["create", "--bundle", &path, &root.id("c")])?.status.success());
    Ok(())
}

#[test]
fn an_id_is_given_once() -> Result<()> {
    let root = Root::new()?;
    let first = root.create("c", &root.shell("true")?)?;
    ensure!(!root.try_create("c", &root.shell("true")?, &[])?.status.success());
    ensure!(first.status()? == "created");
    Ok(())
}

#[test]
fn an_id_that_is_not_valid_is_an_error() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?;
    bundle.write()?;
    let path = bundle.path().to_str().context("a path")?;
    for id in ["../escaped", "a/b", ".", "..", ""] {
        let output = root.run(&["create", "--bundle", path, id])?;
        ensure!(!output.status.success(), "{id:?}");
    }
    Ok(())
}

#[test]
fn the_status_is_created() -> Result<()> {
    let root = Root::new()?;
    ensure!(root.create("c", &root.shell("true")?)?.status()? == "created");
    Ok(())
}

#[test]
fn the_program_does_not_run_yet() -> Result<()> {
    let root = Root::new()?;
    let path = shared(&root)?;
    let bundle = root.shell(&format!("touch {path}/ran"))?.as_root(&[]);
    let container = root.create("c", &bundle.with_mount("none", &path, &path, &["bind"]))?;
    ensure!(!fs::exists(format!("{path}/ran"))?);
    container.start()?;
    container.wait()?;
    ensure!(fs::exists(format!("{path}/ran"))?);
    Ok(())
}

#[test]
fn all_resources_are_made() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?.as_root(&[]).with("/hostname", "made");
    let bundle = bundle.with_mount("tmpfs", "tmpfs", "/tmp", &["size=3m"]);
    let container = root.create("c", &bundle)?;
    let own = fs::read_link("/proc/self/ns/uts")?.to_string_lossy().into_owned();
    ensure!(container.namespace("uts")? != own);
    let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", container.pid()))?;
    ensure!(mounts.contains(" /tmp ") && mounts.contains("size=3072k"), "{mounts}");
    Ok(())
}

#[test]
fn a_later_change_of_config_json_changes_nothing() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("cat /proc/self/oom_score_adj; hostname; umask")?;
    let bundle = bundle.with("/process/oomScoreAdj", 100).with("/hostname", "first");
    let container = root.create("c", &bundle)?;
    let bundle = bundle.with("/process/oomScoreAdj", 200).with("/hostname", "second");
    bundle.with("/process/args", ["false"]).write()?;
    container.start()?;
    let seen = container.output()?;
    ensure!(seen == "100\nfirst\n0022\n", "{seen}");
    Ok(())
}

#[test]
fn config_json_may_be_gone_afterwards() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("echo here")?;
    let container = root.create("c", &bundle)?;
    fs::remove_file(bundle.path().join("config.json"))?;
    container.start()?;
    ensure!(container.output()? == "here\n");
    ensure!(container.status()? == "stopped");
    container.delete(&[])
}

#[test]
fn a_property_that_cannot_be_applied_is_an_error() -> Result<()> {
    // The path of a namespace, a sysctl that no namespace has, a cgroup file that is none.
    crate::refuses(|bundle| bundle.with_namespace("network", Some("/proc/self/ns/nonsense")))?;
    crate::refuses(|bundle| bundle.with("/linux/sysctl", json!({ "net.nonsense": "1" })))?;
    crate::refuses(|bundle| bundle.with("/linux/resources/unified", json!({ "nonsense.max": "1" })))
}

#[test]
fn what_waits_is_nobody_who_may_do_more_than_the_program() -> Result<()> {
    // What of `process` is applied before `start` is left to the runtime; after it, all is.
    let root = Root::new()?;
    let bundle = root.bundle(&["cat", "/proc/self/status"])?;
    let container = root.start_container("c", &bundle)?;
    let status = container.output()?;
    ensure!(field_of(&status, "Uid")?.starts_with("65534"), "{status}");
    ensure!(field_of(&status, "CapBnd")? == "0000000000000000", "{status}");
    Ok(())
}
