//! `peapod pause`.

use anyhow::Result;
use tests::Root;

/// Says that it runs, as fast as it can.
const BUSY: &str = "echo ready; while :; do :; done";

#[test]
fn all_processes_stand_still() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell(BUSY)?)?;
    container.says("ready")?;
    container.run(&["pause"], &[])?.ok()?;
    assert_eq!(container.status()?, "paused");
    assert_eq!(container.cgroup()?.read("cgroup.freeze")?, "1");
    container.run(&["resume"], &[])?.ok()?;
    assert_eq!(container.status()?, "running");
    Ok(())
}

#[test]
fn one_that_waits_for_start_can_be_paused_too() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["echo", "started"])?)?;
    container.run(&["pause"], &[])?.ok()?;
    let message = container.run(&["start"], &[])?.refused()?;
    assert!(message.contains("cannot start a paused container"), "{message}");
    container.run(&["resume"], &[])?.ok()?;
    assert_eq!(container.status()?, "created");
    container.start()?;
    assert_eq!(container.output()?, "started\n");
    Ok(())
}

#[test]
fn only_what_runs_can_be_paused() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    container.run(&["pause"], &[])?.ok()?;
    let refusal = || container.run(&["pause"], &[])?.refused();
    let message = refusal()?;
    assert!(message.contains("container not running, but paused"), "{message}");
    assert_eq!(container.status()?, "paused");
    container.kill("KILL")?;
    assert!(container.process.ends_within(tests::DEADLINE)?);
    let message = refusal()?;
    assert!(message.contains("container not running"), "{message}");
    container.delete(&[])?;
    let message = refusal()?;
    assert!(message.contains("does not exist"), "{message}");
    root.has_nothing_left()
}

#[test]
fn a_paused_container_can_be_stopped_and_deleted() -> Result<()> {
    let root = Root::new()?;
    for verb in [&["stop", "-t", "0"][..], &["kill", "--all"], &["delete", "--force"]] {
        let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
        container.run(&["pause"], &[])?.ok()?;
        let after: &[&str] = if verb[0] == "kill" { &["KILL"] } else { &[] };
        container.run(verb, after)?.ok()?;
        assert!(container.process.ends_within(tests::DEADLINE)?, "{verb:?}");
        container.delete(&["--force"])?;
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn the_others_of_a_pod_go_on() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let [paused, other] =
        ["a", "b"].map(|name| -> Result<_> { pod.start(name, &root.bundle(&["sleep", "1000"])?) });
    let (paused, other) = (paused?, other?);
    paused.run(&["pause"], &[])?.ok()?;
    assert_eq!((paused.status()?, other.status()?), ("paused".into(), "running".into()));
    let message = root.run(&["pause", &pod.id])?.refused()?;
    assert!(message.contains("is a sandbox, not a container"), "{message}");
    pod.stop("0")?;
    assert_eq!(paused.status()?, "stopped");
    Ok(())
}
