//! `peapod sandbox stop`: all containers at once, then pause.

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use std::time::{Duration, Instant};
use tests::{Container, DEADLINE, Root};

const IGNORES_TERM: &str = "trap '' TERM; echo ready; while :; do sleep 1000; done";

const ENDS_AT_TERM: &str = "trap 'exit 3' TERM; echo ready; while :; do sleep 1000 & wait $!; done";

/// How far apart SIGTERM may reach the containers of a pod.
const SPREAD: Duration = Duration::from_millis(20);

#[test]
fn all_containers_are_asked_at_once() -> Result<()> {
    // Of three pods, since a program that has its signal may wait for a processor on a machine that
    // runs other tests too. One after the other would be apart every time.
    let mut spreads = Vec::new();
    for _ in 0..3 {
        let root = Root::new()?;
        let pod = root.sandbox("pod", &[])?;
        let bundle = root.bundle(&["term-clock"])?.with_program("term-clock")?;
        let containers: Vec<_> = ["a", "b", "c", "d"]
            .into_iter()
            .map(|name| pod.start(name, &bundle))
            .collect::<Result<_>>()?;
        containers.iter().try_for_each(|container| container.says("ready").map(drop))?;
        pod.stop("30")?;
        let times: Vec<u64> = containers.iter().map(heard).collect::<Result<_>>()?;
        let (first, last) = (times.iter().min(), times.iter().max());
        let spread = last.zip(first).map(|(last, first)| last - first).context("no times")?;
        spreads.push(Duration::from_nanos(spread));
        if spreads.last().is_some_and(|spread| *spread < SPREAD) {
            println!("{spreads:?}");
            return Ok(());
        }
    }
    panic!("{spreads:?} apart")
}

fn heard(container: &Container<'_>) -> Result<u64> {
    let output = container.output()?;
    Ok(output.strip_prefix("ready\n").context("no time")?.trim().parse()?)
}

#[test]
fn one_that_ignores_sigterm_has_the_grace_period_and_no_more() -> Result<()> {
    let root = Root::new()?;
    for mode in ["shared", "nested"] {
        let pod = root.sandbox(mode, &["--pid", mode])?;
        let name = |name: &str| format!("{mode}-{name}");
        let polite = pod.start(&name("polite"), &root.shell(ENDS_AT_TERM)?)?;
        let deaf = pod.start(&name("deaf"), &root.shell(IGNORES_TERM)?)?;
        polite.says("ready")?;
        deaf.says("ready")?;

        let start = Instant::now();
        let stop = root.start(&["sandbox", "stop", "--grace-period", "1", &pod.id])?;
        assert!(polite.process.ends_within(DEADLINE)?);
        let polite_took = start.elapsed();
        assert!(deaf.process.ends_within(DEADLINE)?);
        let took = start.elapsed();
        stop.finish()?.ok()?;

        assert!(polite_took < Duration::from_millis(500), "{polite_took:?}");
        assert!(took >= Duration::from_secs(1), "killed too soon: {took:?}");
        assert!(took <= Duration::from_millis(1150), "killed too late: {took:?}");
        assert_eq!(polite.exit_code()?, Some(3));
        assert!(matches!(deaf.wait()?, WaitStatus::Signaled(_, Signal::SIGKILL, _)));
        assert_eq!(pod.process.wait()?, WaitStatus::Exited(Pid::from_raw(pod.pid()), 0));
    }
    Ok(())
}

#[test]
fn what_was_forked_twice_does_not_survive() -> Result<()> {
    let root = Root::new()?;
    for mode in ["shared", "nested"] {
        let pod = root.sandbox(mode, &["--pid", mode])?;
        let script = "trap '' TERM; (setsid sh -c 'sleep 1000 & sleep 1000' &)
            trap 'exit 0' TERM; echo ready; while :; do sleep 1000 & wait $!; done";
        let container = pod.start(&format!("{mode}-c"), &root.shell(script)?)?;
        container.says("ready")?;
        let leaf = container.cgroup()?;
        pod.stop("5")?;
        assert!(leaf.empties_within(Duration::ZERO)?, "{:?}", leaf.processes()?);
        // Since Linux 6.19 pause counts until those are reaped that are this test's to reap.
        container.wait()?;
        assert!(pod.process.ends_within(Duration::from_millis(100))?);
        assert!(pod.cgroup()?.empties_within(DEADLINE)?);
    }
    Ok(())
}

#[test]
fn a_stop_that_was_killed_gives_the_whole_grace_period_again() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let deaf = pod.start("deaf", &root.shell(IGNORES_TERM)?)?;
    deaf.says("ready")?;
    let stop = ["sandbox", "stop", "--grace-period", "1", &pod.id];
    let first = root.start(&stop)?;
    assert!(!deaf.process.ends_within(Duration::from_millis(500))?);
    first.signal(Signal::SIGKILL)?;
    first.finish()?;
    assert!(!pod.process.ends_within(Duration::ZERO)?);

    let start = Instant::now();
    let second = root.start(&stop)?;
    assert!(deaf.process.ends_within(DEADLINE)?);
    let took = start.elapsed();
    second.finish()?.ok()?;
    assert!(took >= Duration::from_secs(1) && took <= Duration::from_millis(1150), "{took:?}");
    Ok(())
}

#[test]
fn a_frozen_pod_is_thawed_to_hear_the_signal() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let container = pod.start("c", &root.shell(ENDS_AT_TERM)?)?;
    container.says("ready")?;
    pod.cgroup()?.freeze()?;
    let start = Instant::now();
    pod.stop("20")?;
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(container.exit_code()?, Some(3));
    Ok(())
}

#[test]
fn containers_that_wait_for_start_are_ended_at_once() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let container = pod.create("c", &root.bundle(&["true"])?)?;
    let start = Instant::now();
    pod.stop("20")?;
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(matches!(container.wait()?, WaitStatus::Signaled(_, Signal::SIGKILL, _)));
    Ok(())
}

#[test]
fn the_death_of_a_nested_pods_pause_is_that_of_all() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &["--pid", "nested"])?;
    let containers: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|name| pod.start(name, &root.shell(IGNORES_TERM)?))
        .collect::<Result<_>>()?;
    containers.iter().try_for_each(|container| container.says("ready").map(drop))?;
    let leaves: Vec<_> = containers.iter().map(Container::cgroup).collect::<Result<_>>()?;

    let start = Instant::now();
    kill(Pid::from_raw(pod.pid()), Signal::SIGKILL)?;
    for leaf in &leaves {
        assert!(leaf.empties_within(DEADLINE)?);
    }
    // Pause has not ended before they are reaped, nor is it gone from its cgroup (Linux 6.19).
    containers.iter().try_for_each(|container| container.wait().map(drop))?;
    assert!(pod.process.ends_within(DEADLINE)?);
    assert!(pod.cgroup()?.empties_within(DEADLINE)?);
    let took = start.elapsed();
    println!("{took:?}");
    assert!(took < Duration::from_millis(50), "{took:?}");
    Ok(())
}
