//! config-linux.md, "Seccomp" and "The Container Process State": calls that an agent answers.

use crate::refuses;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use tests::{Agent, Notified, Root};

fn notifying(path: &Path) -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "listenerPath": path,
        "listenerMetadata": "what the agent knows",
        "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY" }],
    })
}

/// What an agent is told of a container, and its pid.
fn told() -> Result<(Root, Notified, i32)> {
    let root = Root::new()?;
    let socket = root.file("agent");
    let agent = Agent::listen(&socket)?;
    let bundle = root.shell("exec sleep 1000")?.with("/linux/seccomp", notifying(&socket));
    let bundle = bundle.with("/annotations", json!({ "com.example.key": "value" }));
    let created = root.start_create("c", &bundle, &[])?;
    let mut told = None;
    // By `create` or by `start`.
    if created.finish()?.status.success() {
        root.adopt_all()?;
        let started = root.start(&["start", &root.id("c")])?;
        told = Some(agent.next()?);
        started.finish()?.ok()?;
    }
    let told = told.context("not created")?;
    let pid = crate::state(&root, "c")?["pid"].as_i64().context("no pid")?;
    Ok((root, told, i32::try_from(pid)?))
}

#[test]
fn the_agent_is_told_one_state_with_one_descriptor() -> Result<()> {
    let (_root, told, _) = told()?;
    ensure!(told.state["fds"] == json!(["seccompFd"]), "{}", told.state);
    Ok(())
}

#[test]
fn the_agent_is_told_the_version() -> Result<()> {
    let (_root, told, _) = told()?;
    let version = told.state["ociVersion"].as_str().unwrap_or_default();
    ensure!(version.starts_with("1."), "{}", told.state);
    Ok(())
}

#[test]
fn the_agent_is_told_the_pid_of_the_process() -> Result<()> {
    let (_root, told, pid) = told()?;
    ensure!(told.state["pid"] == pid, "{}", told.state);
    Ok(())
}

#[test]
fn the_agent_is_told_the_metadata() -> Result<()> {
    let (_root, told, _) = told()?;
    ensure!(told.state["metadata"] == "what the agent knows", "{}", told.state);
    Ok(())
}

#[test]
fn the_agent_is_told_the_state_of_the_container() -> Result<()> {
    let (root, told, pid) = told()?;
    let state = &told.state["state"];
    ensure!(state["id"] == root.id("c") && state["pid"] == pid, "{state}");
    ensure!(state["annotations"]["com.example.key"] == "value", "{state}");
    ensure!(state["bundle"].as_str().is_some_and(|path| path.starts_with('/')), "{state}");
    Ok(())
}

#[test]
fn nobody_who_listens_is_an_error() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?.with("/linux/seccomp", notifying(&root.file("gone")));
    let created = root.try_create("c", &bundle, &[])?.status.success();
    root.adopt_all()?;
    let started = created && root.run(&["start", &root.id("c")])?.status.success();
    root.run(&["delete", "--force", &root.id("c")])?;
    ensure!(!started);
    Ok(())
}

#[test]
fn metadata_without_a_listener_is_an_error() -> Result<()> {
    let seccomp = json!({
        "defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x",
        "syscalls": [{ "names": ["mkdir"], "action": "SCMP_ACT_ERRNO" }],
    });
    refuses(|bundle| bundle.with("/linux/seccomp", seccomp))
}

#[test]
fn a_listener_that_nothing_notifies_is_ignored() -> Result<()> {
    let seccomp = json!({
        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/gone/agent",
        "syscalls": [{ "names": ["mkdir"], "action": "SCMP_ACT_ERRNO" }],
    });
    crate::runs(|bundle| bundle.with("/linux/seccomp", seccomp))
}
