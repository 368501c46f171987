//! `peapod delete`.

use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use tests::{Container, Root};

#[test]
fn a_deleted_container_leaves_nothing() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["true"])?)?;
    container.wait()?;
    container.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn a_created_container_is_deleted_as_every_runtime_does_it() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    container.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn a_running_container_is_deleted_by_force_alone() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let message = container.run(&["delete"], &[])?.refused()?;
    let expected = format!("cannot delete container {} that is not stopped: running", container.id);
    assert!(message.contains(&expected), "{message}");
    assert_eq!(container.status()?, "running");
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn a_frozen_container_is_deleted_by_force() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    container.cgroup()?.freeze()?;
    let message = container.run(&["delete"], &[])?.refused()?;
    assert!(message.contains("not stopped: paused"), "{message}");
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn force_ends_what_a_dead_container_has_left_in_its_pod() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let container = pod.start("c", &root.shell("(setsid sleep 1000 &)")?)?;
    container.wait()?;
    let cgroup = pod.cgroup()?.path().join(&container.id);
    assert!(cgroup.exists());
    container.delete(&["--force"])?;
    assert!(!cgroup.exists());
    Ok(())
}

#[test]
fn deleting_nobody_is_an_error_unless_it_is_forced() -> Result<()> {
    let root = Root::new()?;
    let message = root.run(&["delete", "nobody"])?.refused()?;
    assert!(message.contains("container nobody does not exist"), "{message}");
    let output = root.run(&["delete", "--force", "nobody"])?;
    assert_eq!(output.stderr, "");
    output.ok().map(drop)
}

#[test]
fn a_container_whose_state_cannot_be_read_is_deleted_by_force_alone() -> Result<()> {
    type Spoil = fn(&Path) -> Result<()>;
    let ways: [(&str, Spoil); 8] = [
        ("empty", |file| Ok(fs::write(file, "")?)),
        ("no JSON", |file| Ok(fs::write(file, "\0\u{1}{{{{")?)),
        ("truncated", |file| {
            let text = fs::read(file)?;
            Ok(fs::write(file, &text[..text.len() / 2])?)
        }),
        ("of the future", |file| {
            let text = fs::read_to_string(file)?.replacen("\"format\":1", "\"format\":99", 1);
            Ok(fs::write(file, text)?)
        }),
        ("of another container", |file| {
            let state: serde_json::Value = serde_json::from_slice(&fs::read(file)?)?;
            let id = state["id"].as_str().context("no id")?;
            Ok(fs::write(file, state.to_string().replace(id, "other"))?)
        }),
        ("missing", |file| Ok(fs::remove_file(file)?)),
        ("a link to nowhere", |file| {
            fs::remove_file(file)?;
            Ok(symlink("/nowhere", file)?)
        }),
        ("without a process", |file| {
            let mut state: serde_json::Value = serde_json::from_slice(&fs::read(file)?)?;
            state["init"] = serde_json::Value::Null;
            Ok(fs::write(file, state.to_string())?)
        }),
    ];
    for (name, spoil) in ways {
        let root = Root::new()?;
        let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
        spoil(&root.state().join(&container.id).join("state.json"))?;
        if name != "without a process" {
            refuses_with_the_id(&container).context(name)?;
        }
        container.delete(&["--force"]).context(name)?;
        root.has_nothing_left().context(name)?;
    }
    Ok(())
}

fn refuses_with_the_id(container: &Container<'_>) -> Result<()> {
    for verb in ["delete", "state", "start", "kill"] {
        let message = container.run(&[verb], &[])?.refused()?;
        assert!(message.contains(&container.id), "{verb}: {message}");
    }
    Ok(())
}

#[test]
fn nothing_is_followed_out_of_the_directory_of_a_container() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    let outside = root.file("outside");
    fs::write(&outside, "precious")?;
    symlink(&outside, root.state().join(&container.id).join("link"))?;
    container.delete(&["--force"])?;
    assert_eq!(fs::read_to_string(outside)?, "precious");
    root.has_nothing_left()
}

#[test]
fn a_sandbox_is_not_deleted_as_a_container() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    for options in [&["delete"][..], &["delete", "--force"]] {
        let message = root.run(&[options, &[&pod.id]].concat())?.refused()?;
        assert!(message.contains("sandbox delete"), "{message}");
    }
    assert!(!pod.process.ends_within(std::time::Duration::ZERO)?);
    Ok(())
}
