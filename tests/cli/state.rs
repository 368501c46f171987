//! `peapod state`.

use anyhow::{Context, Result};
use serde_json::json;
use tests::Root;

#[test]
fn it_has_the_fields_of_the_specification() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?.with("/annotations", json!({ "org.example.a": "b" }));
    let container = root.create("c", &bundle)?;
    let state = container.state()?;
    assert_eq!(state["ociVersion"], "1.3.0");
    assert_eq!(state["id"], container.id);
    assert_eq!(state["status"], "created");
    assert_eq!(state["pid"], container.pid());
    assert_eq!(state["bundle"], bundle.path().to_string_lossy().as_ref());
    assert_eq!(state["annotations"], json!({ "org.example.a": "b" }));
    // What runc has beside it, and its callers read.
    assert_eq!(state["rootfs"], bundle.rootfs().to_string_lossy().as_ref());
    assert_eq!(state["owner"], "root");
    let created = state["created"].as_str().context("not a string")?;
    let shape = "0000-00-00T00:00:00.000000000Z";
    let digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(digits(created), shape, "{created}");
    Ok(())
}

#[test]
fn the_status_follows_the_life_of_the_container() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["sleep", "1000"])?)?;
    assert_eq!(container.status()?, "created");
    container.start()?;
    assert_eq!(container.status()?, "running");
    let cgroup = container.cgroup()?;
    cgroup.freeze()?;
    assert_eq!(container.status()?, "paused");
    cgroup.write("cgroup.freeze", "0")?;
    container.kill("KILL")?;
    assert!(container.process.ends_within(tests::DEADLINE)?);
    // Dead is stopped, whether its parent has looked at it or not.
    for _ in ["a zombie", "reaped"] {
        let state = container.state()?;
        assert_eq!((&state["status"], &state["pid"]), (&json!("stopped"), &json!(0)));
        root.reap()?;
    }
    container.delete(&[])?;
    let message = container.run(&["state"], &[])?.refused()?;
    assert!(message.contains("does not exist"), "{message}");
    Ok(())
}

#[test]
fn a_container_that_was_never_there_does_not_exist() -> Result<()> {
    let root = Root::new()?;
    let message = root.run(&["state", "nobody"])?.refused()?;
    assert!(message.contains("container nobody does not exist"), "{message}");
    Ok(())
}

#[test]
fn the_member_of_a_pod_names_it() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let container = pod.create("c", &root.bundle(&["true"])?)?;
    assert_eq!(container.state()?["sandbox"], pod.id);
    Ok(())
}

#[test]
fn it_waits_for_nobody_who_changes_the_container() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    let lock = std::fs::File::open(root.state().join(&container.id).join("lock"))?;
    lock.lock()?;
    assert_eq!(container.status()?, "created");
    Ok(())
}
