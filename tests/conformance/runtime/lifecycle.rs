//! runtime.md, "Lifecycle": what becomes of a container whose hook fails.

use crate::shared;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::fs;
use tests::{Bundle, Root};

fn hook(text: &str) -> Value {
    json!({ "path": "/bin/sh", "args": ["sh", "-c", text], "env": ["PATH=/usr/bin:/bin"] })
}

/// A container whose hook of that kind fails, and whose poststop hook leaves a mark.
fn failing(root: &Root, kind: &str) -> Result<(Bundle, String)> {
    let directory = shared(root)?;
    let bundle = root.shell(&format!("touch {directory}/ran; exec sleep 1000"))?.as_root(&[]);
    let bundle = bundle
        .with_mount("none", &directory, &directory, &["bind"])
        .with(&format!("/hooks/{kind}"), json!([hook("exit 7")]))
        .with("/hooks/poststop", json!([hook(&format!("touch {directory}/stopped"))]));
    Ok((bundle, directory))
}

/// Whose hook fails in `create`: no container, and the end of its life all the same.
fn fails_in_create(kind: &str) -> Result<()> {
    let root = Root::new()?;
    let (bundle, directory) = failing(&root, kind)?;
    let created = root.try_create("c", &bundle, &[])?;
    root.adopt_all()?;
    let has_state = root.run(&["state", &root.id("c")])?.status.success();
    root.run(&["delete", "--force", &root.id("c")])?;
    ensure!(!created.status.success(), "{created:?}");
    ensure!(!has_state, "there is a container");
    ensure!(!fs::exists(format!("{directory}/ran"))?, "its program has run");
    Ok(())
}

#[test]
fn a_prestart_hook_that_fails_ends_the_container() -> Result<()> {
    fails_in_create("prestart")
}

#[test]
fn a_create_runtime_hook_that_fails_ends_the_container() -> Result<()> {
    fails_in_create("createRuntime")
}

#[test]
fn a_create_container_hook_that_fails_ends_the_container() -> Result<()> {
    fails_in_create("createContainer")
}

#[test]
fn poststop_hooks_are_called_for_a_container_whose_creation_failed() -> Result<()> {
    let root = Root::new()?;
    let (bundle, directory) = failing(&root, "createRuntime")?;
    ensure!(!root.try_create("c", &bundle, &[])?.status.success());
    ensure!(fs::exists(format!("{directory}/stopped"))?, "poststop was not called");
    Ok(())
}

#[test]
fn a_start_container_hook_that_fails_ends_the_container() -> Result<()> {
    let root = Root::new()?;
    let (bundle, directory) = failing(&root, "startContainer")?;
    let container = root.create("c", &bundle)?;
    ensure!(!container.run(&["start"], &[])?.status.success());
    container.wait()?;
    ensure!(!fs::exists(format!("{directory}/ran"))?, "its program has run");
    Ok(())
}

#[test]
fn a_poststart_hook_that_fails_is_an_error_of_start() -> Result<()> {
    let root = Root::new()?;
    let (bundle, _) = failing(&root, "poststart")?;
    let container = root.create("c", &bundle)?;
    ensure!(!container.run(&["start"], &[])?.status.success());
    Ok(())
}

#[test]
fn a_poststart_hook_that_fails_ends_the_container() -> Result<()> {
    let root = Root::new()?;
    let (bundle, _) = failing(&root, "poststart")?;
    let container = root.create("c", &bundle)?;
    container.run(&["start"], &[])?;
    container.wait()?;
    Ok(())
}

#[test]
fn a_poststop_hook_that_fails_keeps_nothing_from_its_end() -> Result<()> {
    let root = Root::new()?;
    let directory = shared(&root)?;
    let second = format!("touch {directory}/second");
    let hooks = json!([hook("exit 7"), hook(&second)]);
    let container =
        root.start_container("c", &root.shell("true")?.with("/hooks/poststop", hooks))?;
    container.wait()?;
    container.delete(&[])?;
    ensure!(fs::exists(format!("{directory}/second"))?, "the remaining hook was not called");
    ensure!(!container.run(&["state"], &[])?.status.success());
    Ok(())
}

#[test]
fn a_poststop_hook_that_fails_is_warned_of() -> Result<()> {
    let root = Root::new()?;
    let log = root.file("log");
    let root = root.with_globals(&["--log", &log.to_string_lossy()]);
    let bundle = root.shell("true")?.with("/hooks/poststop", json!([hook("exit 7")]));
    let container = root.start_container("c", &bundle)?;
    container.wait()?;
    let deleted = container.run(&["delete"], &[])?;
    let said = deleted.stderr + &fs::read_to_string(log).unwrap_or_default();
    ensure!(!said.trim().is_empty(), "nothing is said");
    Ok(())
}
