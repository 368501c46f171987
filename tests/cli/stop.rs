//! `peapod stop`.

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use std::time::{Duration, Instant};
use tests::{Container, DEADLINE, Root};

const IGNORES_TERM: &str = "trap '' TERM; echo ready; while :; do sleep 1000; done";

/// How long a killed container may take to be gone after the grace period.
const SLACK: Duration = Duration::from_millis(150);

const GRACE: Duration = Duration::from_secs(1);

#[test]
fn a_program_that_ends_by_itself_is_not_waited_for_longer() -> Result<()> {
    let root = Root::new()?;
    let script = "trap 'exit 3' TERM; echo ready; while :; do sleep 1000 & wait $!; done";
    let container = root.start_container("c", &root.shell(script)?)?;
    container.says("ready")?;
    let start = Instant::now();
    container.stop("30")?;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(container.exit_code()?, Some(3));
    container.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn one_that_ignores_sigterm_is_killed_when_the_grace_period_ends() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell(IGNORES_TERM)?)?;
    container.says("ready")?;
    is_killed_in_time(&container)?;
    container.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn a_stop_that_was_killed_gives_the_whole_grace_period_again() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell(IGNORES_TERM)?)?;
    container.says("ready")?;
    let first = container.begin(&["stop", "--grace-period", "1"], &[])?;
    let half = Duration::from_millis(500);
    ensure!(!container.process.ends_within(half)?, "it does not ignore SIGTERM");
    first.signal(Signal::SIGKILL)?;
    first.finish()?;
    is_killed_in_time(&container)
}

#[test]
fn a_shorter_stop_is_not_kept_waiting_by_a_longer_one() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell(IGNORES_TERM)?)?;
    container.says("ready")?;
    let longer = container.begin(&["stop", "--grace-period", "60"], &[])?;
    is_killed_in_time(&container)?;
    longer.finish()?.ok()?;
    Ok(())
}

#[test]
fn the_stop_signal_of_the_image_is_the_one_that_is_sent() -> Result<()> {
    let root = Root::new()?;
    let script = "trap 'exit 1' TERM; trap 'exit 7' USR1; echo ready
        while :; do sleep 1000 & wait $!; done";
    let bundle =
        root.shell(script)?.with("/annotations/org.opencontainers.image.stopSignal", "SIGUSR1");
    let container = root.start_container("c", &bundle)?;
    container.says("ready")?;
    container.stop("30")?;
    assert_eq!(container.exit_code()?, Some(7));
    Ok(())
}

#[test]
fn a_frozen_program_is_thawed_to_hear_the_signal() -> Result<()> {
    let root = Root::new()?;
    let script = "trap 'exit 3' TERM; echo ready; while :; do sleep 1000 & wait $!; done";
    let container = root.start_container("c", &root.shell(script)?)?;
    container.says("ready")?;
    container.cgroup()?.freeze()?;
    container.stop("30")?;
    assert_eq!(container.exit_code()?, Some(3));
    Ok(())
}

#[test]
fn a_created_container_has_nothing_to_do_in_a_grace_period() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    let start = Instant::now();
    container.stop("30")?;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(matches!(container.wait()?, WaitStatus::Signaled(_, Signal::SIGKILL, _)));
    assert_eq!(container.status()?, "stopped");
    Ok(())
}

#[test]
fn what_has_stopped_is_stopped() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["true"])?)?;
    container.wait()?;
    container.stop("30")?;
    container.stop("30")
}

#[test]
fn what_is_left_of_it_when_its_first_process_has_ended_is_killed() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let script = "
        trap '' TERM
        (setsid sleep 1000 &)
        trap 'exit 0' TERM
        echo ready; while :; do sleep 1000 & wait $!; done";
    let container = pod.start("c", &root.shell(script)?)?;
    container.says("ready")?;
    let cgroup = container.cgroup()?;
    container.stop("30")?;
    assert_eq!(container.exit_code()?, Some(0));
    assert!(cgroup.empties_within(Duration::ZERO)?, "{:?}", cgroup.processes()?);
    Ok(())
}

#[test]
fn a_grace_period_is_a_number_of_seconds() -> Result<()> {
    let root = Root::new()?;
    for grace in ["x", "", "-1", "NaN", "inf", "1e300"] {
        let grace = format!("--grace-period={grace}");
        let message = root.run(&["stop", &grace, "nobody"])?.refused()?;
        assert!(message.contains("--grace-period"), "{message}");
    }
    Ok(())
}

/// Stops the container, with a second of grace, and looks when it has gone.
fn is_killed_in_time(container: &Container<'_>) -> Result<()> {
    let cgroup = container.cgroup()?;
    let start = Instant::now();
    let stop = container.begin(&["stop", "--grace-period", "1"], &[])?;
    assert!(container.process.ends_within(DEADLINE)?);
    assert!(cgroup.empties_within(DEADLINE)?);
    let took = start.elapsed();
    stop.finish()?.ok()?;
    assert!(took >= GRACE, "killed too soon: {took:?}");
    assert!(took <= GRACE + SLACK, "killed too late: {took:?}");
    assert!(matches!(container.wait()?, WaitStatus::Signaled(_, Signal::SIGKILL, _)));
    Ok(())
}

#[test]
fn a_grace_period_that_no_clock_can_show_is_refused() -> Result<()> {
    let root = Root::new()?;
    for period in ["1e18", "-1", "nan", "soon"] {
        let option = format!("--grace-period={period}");
        let message = root.run(&["stop", &option, "nobody"])?.refused()?;
        assert!(message.contains("--grace-period"), "{message}");
    }
    Ok(())
}
