//! `peapod kill`.

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use serde_json::Value;
use std::fs;
use std::process::Command;
use std::time::Duration;
use tests::{DEADLINE, Process, Root};

/// Says which signals it gets, until `exit`.
const LISTENER: &str = "
    for signal in USR1 USR2 TERM; do trap \"echo got $signal\" $signal; done
    trap 'echo got HUP; exit 5' HUP
    echo ready
    while :; do sleep 1000 & wait $!; done";

#[test]
fn a_signal_is_a_name_or_a_number() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell(LISTENER)?)?;
    container.says("ready")?;
    for (signal, name) in [("USR1", "USR1"), ("SIGUSR2", "USR2"), ("15", "TERM")] {
        container.kill(signal)?;
        container.says(&format!("got {name}"))?;
    }
    container.kill("hup")?;
    assert_eq!(container.exit_code()?, Some(5));
    Ok(())
}

#[test]
fn the_signal_is_sigterm_unless_it_is_named() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell(LISTENER)?)?;
    container.says("ready")?;
    container.run(&["kill"], &[])?.ok()?;
    container.says("got TERM")?;
    Ok(())
}

#[test]
fn a_signal_that_there_is_not_is_refused_before_anything_else() -> Result<()> {
    let root = Root::new()?;
    for signal in ["SIGX", "0", "65", "-1"] {
        let message = root.run(&["kill", "--", "nobody", signal])?.refused()?;
        assert!(message.contains(&format!("unknown signal \"{signal}\"")), "{message}");
    }
    Ok(())
}

#[test]
fn all_processes_get_a_signal_for_all() -> Result<()> {
    let root = Root::new()?;
    let script = "
        (trap 'echo child has it' USR1; echo one; while :; do sleep 1000 & wait $!; done) &
        trap 'echo parent has it' USR1
        while :; do sleep 1000 & wait $!; done";
    let container = root.start_container("c", &root.shell(script)?)?;
    container.says("one")?;
    container.run(&["kill", "--all"], &["USR1"])?.ok()?;
    container.says("child has it")?;
    container.says("parent has it")?;
    Ok(())
}

#[test]
fn sigkill_ends_all_that_a_container_started_in_a_shared_pid_namespace() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let script = "(setsid sleep 1000 &) ; echo ready; sleep 1000";
    let container = pod.start("c", &root.shell(script)?)?;
    container.says("ready")?;
    let cgroup = container.cgroup()?;
    container.kill("KILL")?;
    assert!(cgroup.empties_within(DEADLINE)?);
    assert!(matches!(container.wait()?, WaitStatus::Signaled(_, Signal::SIGKILL, _)));
    Ok(())
}

#[test]
fn a_created_container_can_be_killed() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    container.kill("KILL")?;
    assert!(matches!(container.wait()?, WaitStatus::Signaled(_, Signal::SIGKILL, _)));
    assert_eq!(container.status()?, "stopped");
    Ok(())
}

#[test]
fn a_container_that_has_ended_is_not_running() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["true"])?)?;
    container.wait()?;
    for signal in ["TERM", "KILL"] {
        let message = container.run(&["kill"], &[signal])?.refused()?;
        assert!(message.contains("container not running"), "{message}");
        // Nobody is left of all: containerd's shim asks for that when the first one has ended.
        container.run(&["kill", "--all"], &[signal])?.ok()?;
    }
    Ok(())
}

#[test]
fn many_are_told_apart_by_a_regular_expression() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["sleep", "1000"])?;
    let web = [root.start_container("web-1", &bundle)?, root.start_container("web-2", &bundle)?];
    let other = root.start_container("db-1", &bundle)?;
    // Nothing is done to a pod whose name matches, too.
    let _pod = root.sandbox("web-3", &[])?;
    let pattern = root.id("web-[0-9]$");
    root.run(&["kill", "--regex", &pattern, "KILL"])?.ok()?;
    for container in &web {
        assert!(matches!(container.wait()?, WaitStatus::Signaled(_, Signal::SIGKILL, _)));
    }
    assert_eq!(other.status()?, "running");
    root.run(&["delete", "--regex", &pattern])?.ok()?;
    assert_eq!(root.run(&["list", "--quiet"])?.ok()?.trim_end(), other.id);
    let message = root.run(&["delete", "--force", "--regex", "("])?.refused()?;
    assert!(message.contains("--regex: \"(\": not a regular expression"), "{message}");
    Ok(())
}

#[test]
fn a_process_that_was_given_the_number_later_is_safe() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["true"])?)?;
    container.wait()?;
    let file = root.state().join(&container.id).join("state.json");
    let mut state: Value = serde_json::from_slice(&fs::read(&file)?)?;
    // Within one tick of the clock two processes cannot be told apart, but the kernel gives no
    // number away twice in one either.
    let mut bystander = loop {
        let mut child = Command::new("sleep").arg("1000").spawn()?;
        if state["init"]["startTime"] != start_time(child.id())? {
            break child;
        }
        child.kill()?;
        child.wait()?;
    };
    let pid = state.pointer_mut("/init/pid").context("no pid in the state")?;
    *pid = bystander.id().into();
    fs::write(&file, serde_json::to_vec(&state)?)?;

    let refused = container.run(&["kill"], &["TERM"])?.refused();
    let status = container.status();
    let lives = !Process::open(bystander.id().cast_signed())?.ends_within(Duration::ZERO)?;
    bystander.kill()?;
    bystander.wait()?;
    assert!(lives);
    assert!(refused?.contains("container not running"));
    assert_eq!(status?, "stopped");
    Ok(())
}

/// Field 22 of `/proc/PID/stat`. The name before it may have spaces in it, and ends with the last
/// parenthesis.
fn start_time(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
    Ok(fields.split_whitespace().nth(19).context("no start time in stat")?.parse()?)
}

#[test]
fn nobody_cannot_be_killed() -> Result<()> {
    let root = Root::new()?;
    let message = root.run(&["kill", "nobody", "TERM"])?.refused()?;
    assert!(message.contains("container nobody does not exist"), "{message}");
    Ok(())
}
