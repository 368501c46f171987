//! `peapod sandbox`.

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::time::Duration;
use tests::{DEADLINE, Root, namespace};

#[test]
fn create_prints_pause_and_its_namespaces() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    assert_eq!(pod.created["id"], pod.id);
    assert_eq!(pod.process.field("Name")?, "pause");
    for (field, kind) in [("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("pid", "pid")] {
        let path = pod.path(&format!("/namespaces/{field}"))?;
        let link = fs::read_link(path).with_context(|| path.to_owned())?;
        assert_eq!(link.to_string_lossy(), namespace(pod.pid(), kind)?);
    }
    assert!(fs::metadata(pod.path("/shm")?)?.is_dir());
    assert!(pod.cgroup()?.path().join("pause").is_dir());
    Ok(())
}

#[test]
fn the_pod_has_the_hostname_that_was_asked_for() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &["--hostname", "pea"])?;
    // A bundle that was written to run alone does not rename the pod.
    let bundle = root.bundle(&["hostname"])?.with("/hostname", "other");
    assert_eq!(pod.output_of("a", &bundle)?, "pea\n");
    assert_eq!(pod.output_of("b", &root.bundle(&["hostname"])?)?, "pea\n");
    Ok(())
}

#[test]
fn a_bad_hostname_is_refused() -> Result<()> {
    let root = Root::new()?;
    let long = "x".repeat(65);
    for name in ["", "a b", "ü", "a\nb", &long] {
        let option = format!("--hostname={name}");
        let message = root.run(&["sandbox", "create", &option, &root.id("pod")])?.refused()?;
        assert!(message.contains("--hostname"), "{message}");
    }
    root.has_nothing_left()
}

#[test]
fn the_list_names_pause_the_mode_and_the_members() -> Result<()> {
    let root = Root::new()?;
    let nested = root.sandbox("n", &["--pid", "nested"])?;
    let shared = root.sandbox("s", &["--pid", "shared"])?;
    let bundle = root.bundle(&["true"])?;
    let (a, b) = (shared.create("a", &bundle)?, shared.create("b", &bundle)?);
    let list = || -> Result<Value> {
        Ok(serde_json::from_str(&root.run(&["sandbox", "list", "--format", "json"])?.ok()?)?)
    };
    let rows = list()?;
    assert_eq!(rows[0]["id"], nested.id);
    assert_eq!(rows[0]["pid_mode"], "nested");
    assert_eq!(rows[1]["id"], shared.id);
    assert_eq!(rows[1]["pid"], shared.pid());
    assert_eq!(rows[1]["status"], "running");
    assert_eq!(rows[1]["pid_mode"], "shared");
    assert_eq!(rows[1]["containers"], serde_json::json!([a.id, b.id]));
    let table = root.run(&["sandbox", "list"])?.ok()?;
    assert!(table.lines().next().is_some_and(|line| line.starts_with("ID")), "{table}");
    assert!(table.contains(&shared.id), "{table}");

    shared.stop("0")?;
    let rows = list()?;
    assert_eq!((&rows[1]["status"], &rows[1]["pid"]), (&"stopped".into(), &0.into()));
    Ok(())
}

#[test]
fn a_pod_that_runs_is_deleted_by_force_alone() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let container = pod.start("c", &root.bundle(&["sleep", "1000"])?)?;
    let message = root.run(&["sandbox", "delete", &pod.id])?.refused()?;
    assert!(message.contains("not stopped"), "{message}");
    assert_eq!(container.status()?, "running");
    pod.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn deleting_a_stopped_pod_deletes_its_members() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    pod.start("a", &root.bundle(&["sleep", "1000"])?)?;
    pod.create("b", &root.bundle(&["true"])?)?;
    pod.stop("0")?;
    pod.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn a_pod_with_an_unreadable_state_is_deleted_by_force() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let member = pod.start("c", &root.bundle(&["sleep", "1000"])?)?;
    fs::write(root.state().join(&pod.id).join("state.json"), "")?;
    let message = root.run(&["sandbox", "delete", &pod.id])?.refused()?;
    assert!(message.contains(&pod.id), "{message}");
    pod.delete(&["--force"])?;
    assert!(member.process.ends_within(DEADLINE)?);
    // Nobody can tell any more whose member it was.
    root.run(&["delete", "--force", &member.id])?.ok()?;
    root.has_nothing_left()
}

#[test]
fn a_pod_that_is_gone_takes_no_containers() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?;
    let message = root.try_create("c", &bundle, &["--sandbox", "nobody"])?.refused()?;
    assert!(message.contains("sandbox nobody does not exist"), "{message}");

    let pod = root.sandbox("pod", &[])?;
    kill(Pid::from_raw(pod.pid()), Signal::SIGKILL)?;
    assert!(pod.process.ends_within(DEADLINE)?);
    for state in ["a zombie", "reaped"] {
        let message = root.try_create("c", &bundle, &["--sandbox", &pod.id])?.refused()?;
        assert!(message.contains(&pod.id), "{message}");
        assert!(message.contains("pause process has ended"), "{state}: {message}");
        root.reap()?;
    }
    pod.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn a_container_is_not_a_sandbox() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?;
    let container = root.create("c", &bundle)?;
    for verb in ["stop", "delete"] {
        let message = root.run(&["sandbox", verb, &container.id])?.refused()?;
        assert!(message.contains("is a container, not a sandbox"), "{message}");
    }
    let message = root.try_create("d", &bundle, &["--sandbox", &container.id])?.refused()?;
    assert!(message.contains("is a container, not a sandbox"), "{message}");
    assert_eq!(container.status()?, "created");
    Ok(())
}

#[test]
fn nobody_is_no_sandbox() -> Result<()> {
    let root = Root::new()?;
    for verb in [&["stop"][..], &["delete"]] {
        let message = root.run(&[&["sandbox"], verb, &["nobody"]].concat())?.refused()?;
        assert!(message.contains("sandbox nobody does not exist"), "{message}");
    }
    root.run(&["sandbox", "delete", "--force", "nobody"])?.ok().map(drop)
}

#[test]
fn stopping_a_pod_twice_is_fine() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    pod.stop("0")?;
    assert!(pod.process.ends_within(Duration::ZERO)?);
    pod.stop("0")?;
    pod.delete(&[])?;
    root.has_nothing_left()
}
