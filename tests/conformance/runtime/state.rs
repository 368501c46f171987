//! runtime.md, "State" and "Query State".

use crate::state;
use anyhow::{Result, ensure};
use serde_json::json;
use tests::Root;

#[test]
fn it_needs_an_id() -> Result<()> {
    ensure!(!Root::new()?.run(&["state"])?.status.success());
    Ok(())
}

#[test]
fn a_container_that_does_not_exist_has_none() -> Result<()> {
    let root = Root::new()?;
    ensure!(!root.run(&["state", &root.id("gone")])?.status.success());
    Ok(())
}

#[test]
fn it_has_the_id() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.shell("true")?)?;
    ensure!(state(&root, "c")?["id"] == container.id);
    Ok(())
}

#[test]
fn it_has_the_version_of_the_specification() -> Result<()> {
    let root = Root::new()?;
    let _container = root.create("c", &root.shell("true")?)?;
    let state = state(&root, "c")?;
    let version = state["ociVersion"].as_str().unwrap_or_default();
    ensure!(version.starts_with("1.") && version.split('.').count() >= 3, "{state}");
    Ok(())
}

#[test]
fn the_version_is_that_which_the_container_was_created_with() -> Result<()> {
    let root = Root::new()?;
    let _container = root.create("c", &root.shell("true")?.with("/ociVersion", "1.1.0"))?;
    let state = state(&root, "c")?;
    let version = state["ociVersion"].as_str().unwrap_or_default();
    // The runtime's own or the bundle's: both are versions that it was created with.
    ensure!(["1.1.0", "1.2.0", "1.2.1", "1.3.0"].contains(&version), "{state}");
    Ok(())
}

#[test]
fn it_has_the_absolute_path_of_the_bundle() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?;
    let _container = root.create("c", &bundle)?;
    let state = state(&root, "c")?;
    ensure!(state["bundle"] == json!(bundle.path()), "{state}");
    Ok(())
}

#[test]
fn it_has_the_pid_that_the_host_sees() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.shell("exec sleep 1000")?)?;
    ensure!(state(&root, "c")?["pid"] == container.pid());
    container.start()?;
    ensure!(state(&root, "c")?["pid"] == container.pid());
    Ok(())
}

#[test]
fn it_has_the_annotations() -> Result<()> {
    let root = Root::new()?;
    let annotations = json!({ "com.example.a": "1", "com.example.b": "2" });
    let _container =
        root.create("c", &root.shell("true")?.with("/annotations", annotations.clone()))?;
    let state = state(&root, "c")?;
    for (key, value) in annotations.as_object().unwrap() {
        ensure!(state["annotations"][key] == *value, "{state}");
    }
    Ok(())
}

#[test]
fn without_annotations_they_are_absent_or_none() -> Result<()> {
    let root = Root::new()?;
    let _container = root.create("c", &root.shell("true")?)?;
    let state = state(&root, "c")?;
    let found = &state["annotations"];
    ensure!(found.is_null() || found.as_object().is_some_and(serde_json::Map::is_empty), "{state}");
    Ok(())
}

#[test]
fn its_status_is_created_then_running_then_stopped() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.shell("exec sleep 1000")?)?;
    ensure!(state(&root, "c")?["status"] == "created");
    container.start()?;
    ensure!(state(&root, "c")?["status"] == "running");
    container.kill("KILL")?;
    container.wait()?;
    ensure!(state(&root, "c")?["status"] == "stopped");
    Ok(())
}
