//! `peapod exec`: what it runs, when it refuses, and what its exit code says.

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use std::fs;
use tests::{Container, DEADLINE, NAMESPACES, Root, namespace};

/// A container that only waits.
fn sleeper<'r>(root: &'r Root, name: &str) -> Result<Container<'r>> {
    root.start_container(name, &root.bundle(&["sleep", "1000"])?)
}

#[test]
fn the_exit_code_is_that_of_the_program() -> Result<()> {
    let root = Root::new()?;
    let container = sleeper(&root, "c")?;
    let output = container.exec(&[], &["sh", "-c", "echo inside; exit 42"])?;
    assert_eq!(output.status.code(), Some(42), "{output:?}");
    assert_eq!(output.stdout, "inside\n");
    let output = container.exec(&[], &["sh", "-c", "kill -TERM $$"])?;
    assert_eq!(output.status.code(), Some(128 + 15), "{output:?}");
    assert_eq!(container.exec(&[], &["true"])?.ok()?, "");
    Ok(())
}

#[test]
fn what_cannot_be_executed_is_named_in_the_words_that_callers_look_for() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["sleep", "1000"])?.with_file("bin/lost", "#!/bin/gone -x\n")?;
    let container = root.start_container("c", &bundle)?;
    for (program, words) in [
        ("nosuch", "\"nosuch\": executable file not found in $PATH"),
        ("/no/such", "\"/no/such\": no such file or directory"),
        ("/etc", "\"/etc\": permission denied"),
        ("/etc/passwd", "\"/etc/passwd\": permission denied"),
        ("lost", "its interpreter \"/bin/gone\""),
    ] {
        let message = container.exec(&[], &[program])?.refused_with(255)?;
        assert!(message.starts_with("exec failed: "), "{message}");
        assert!(message.contains(words), "{message}");
    }
    Ok(())
}

#[test]
fn a_container_must_be_there() -> Result<()> {
    let root = Root::new()?;
    let message = root.run(&["exec", "nobody", "true"])?.refused_with(255)?;
    assert!(message.contains("nobody") && message.contains("does not exist"), "{message}");
    let sandbox = root.sandbox("s", &[])?;
    let message = root.run(&["exec", &sandbox.id, "true"])?.refused_with(255)?;
    assert!(message.contains("is a sandbox"), "{message}");
    Ok(())
}

/// PID 1 of a container cannot end before all others in its PID namespace are reaped.
#[test]
fn what_failed_to_be_executed_is_reaped() -> Result<()> {
    let root = Root::new()?;
    let container = sleeper(&root, "c")?;
    container.exec(&[], &["nosuch"])?.refused_with(255)?;
    container.kill("KILL")?;
    assert!(container.process.ends_within(DEADLINE)?);
    assert_eq!(container.status()?, "stopped");
    Ok(())
}

#[test]
fn a_container_that_waits_to_be_started_can_be_joined() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    assert_eq!(container.exec(&[], &["echo", "early"])?.ok()?, "early\n");
    assert_eq!(container.status()?, "created");
    Ok(())
}

#[test]
fn a_container_that_has_ended_cannot_be_joined() -> Result<()> {
    let root = Root::new()?;
    let container = sleeper(&root, "c")?;
    container.kill("KILL")?;
    // Its parent, which is this test, has not reaped it: it still has a number.
    assert!(container.process.ends_within(DEADLINE)?);
    let message = container.exec(&[], &["true"])?.refused_with(255)?;
    assert!(message.contains("cannot exec in a stopped container"), "{message}");
    container.wait()?;
    let message = container.exec(&[], &["true"])?.refused_with(255)?;
    assert!(message.contains("cannot exec in a stopped container"), "{message}");
    Ok(())
}

#[test]
fn a_paused_container_is_joined_only_by_those_who_can_wait() -> Result<()> {
    let root = Root::new()?;
    let container = sleeper(&root, "c")?;
    let cgroup = container.cgroup()?;
    let below = cgroup.make_below("below")?;
    cgroup.freeze()?;
    let message = container.exec(&[], &["true"])?.refused_with(255)?;
    let words = "cannot exec in a paused container (use --ignore-paused to override)";
    assert!(message.contains(words), "{message}");
    let options = ["exec", "--ignore-paused", "--cgroup", "below"];
    let waiting = container.begin(&options, &["echo", "thawed"])?;
    // It is born frozen, and can do nothing.
    below.wait_until_populated()?;
    cgroup.write("cgroup.freeze", "0")?;
    assert_eq!(waiting.finish()?.ok()?, "thawed\n");
    Ok(())
}

#[test]
fn an_exec_that_waits_can_be_interrupted() -> Result<()> {
    let root = Root::new()?;
    let container = sleeper(&root, "c")?;
    let cgroup = container.cgroup()?;
    let below = cgroup.make_below("below")?;
    cgroup.freeze()?;
    let options = ["exec", "--ignore-paused", "--cgroup", "below"];
    let waiting = container.begin(&options, &["true"])?;
    below.wait_until_populated()?;
    waiting.signal(Signal::SIGTERM)?;
    let message = waiting.finish()?.refused_with(255)?;
    assert!(message.contains("interrupted by a signal"), "{message}");
    assert!(below.processes()?.is_empty());
    cgroup.write("cgroup.freeze", "0")
}

#[test]
fn a_program_is_in_all_namespaces_of_the_container_and_in_its_cgroup() -> Result<()> {
    let root = Root::new()?;
    let (shared, nested) =
        (root.sandbox("shared", &[])?, root.sandbox("nested", &["--pid", "nested"])?);
    let bundle = root.bundle(&["sleep", "1000"])?;
    for container in [
        root.start_container("alone", &bundle)?,
        shared.start("a", &bundle)?,
        nested.start("b", &bundle)?,
    ] {
        let pid_file = root.file("exec.pid");
        let path = pid_file.to_str().context("path")?;
        container.exec(&["--detach", "--pid-file", path], &["sleep", "1000"])?.ok()?;
        let pid: i32 = fs::read_to_string(&pid_file)?.parse()?;
        root.adopt(pid)?;
        for kind in NAMESPACES {
            assert_eq!(namespace(pid, kind)?, container.namespace(kind)?, "{kind}");
        }
        let cgroup = |pid| fs::read_to_string(format!("/proc/{pid}/cgroup"));
        assert_eq!(cgroup(pid)?, cgroup(container.pid())?);
        assert!(container.cgroup()?.processes()?.contains(&pid));
    }
    Ok(())
}

#[test]
fn the_first_process_of_a_pod_is_pause() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["sleep", "1000"])?;
    let comm = ["cat", "/proc/1/comm"];
    let shared = root.sandbox("shared", &[])?;
    assert_eq!(shared.start("a", &bundle)?.exec(&[], &comm)?.ok()?, "pause\n");
    let nested = root.sandbox("nested", &["--pid", "nested"])?;
    assert_eq!(nested.start("b", &bundle)?.exec(&[], &comm)?.ok()?, "sleep\n");
    Ok(())
}

#[test]
fn a_container_in_the_mounts_of_the_host_is_joined_in_its_own_root() -> Result<()> {
    let root = Root::new()?;
    let bundle = root
        .bundle(&["sleep", "1000"])?
        .with("/linux/namespaces", serde_json::json!([{ "type": "pid" }]))
        .with("/mounts", serde_json::json!([]))
        .with("/root/readonly", false)
        .without("/hostname")
        .without("/linux/maskedPaths")
        .without("/linux/readonlyPaths")
        .with_file("etc/here", "here\n")?;
    let container = root.start_container("c", &bundle)?;
    assert_eq!(container.exec(&[], &["cat", "/etc/here"])?.ok()?, "here\n");
    Ok(())
}

#[test]
fn a_signal_is_passed_on() -> Result<()> {
    let root = Root::new()?;
    let container = sleeper(&root, "c")?;
    let script = "trap 'exit 3' USR1; echo ready; sleep 1000 & wait";
    let running = container.begin(&["exec"], &["sh", "-c", script])?;
    running.says("ready")?;
    running.signal(Signal::SIGUSR1)?;
    assert_eq!(running.finish()?.status.code(), Some(3));
    // What would end this process ends the program, whose end it is that is told.
    let running = container.begin(&["exec"], &["sh", "-c", "echo ready; exec sleep 1000"])?;
    running.says("ready")?;
    running.signal(Signal::SIGTERM)?;
    assert_eq!(running.finish()?.status.code(), Some(128 + 15));
    Ok(())
}

#[test]
fn a_program_ends_with_its_container() -> Result<()> {
    let root = Root::new()?;
    let container = sleeper(&root, "c")?;
    let running = container.begin(&["exec"], &["sh", "-c", "echo ready; exec sleep 1000"])?;
    running.says("ready")?;
    container.kill("KILL")?;
    assert_eq!(running.finish()?.status.code(), Some(128 + 9));
    Ok(())
}

#[test]
fn nobody_waits_for_a_detached_program() -> Result<()> {
    let root = Root::new()?;
    let container = sleeper(&root, "c")?;
    let pid_file = root.file("exec.pid");
    let path = pid_file.to_str().context("path")?;
    container.exec(&["--detach", "--pid-file", path], &["sleep", "1000"])?.ok()?;
    let process = root.adopt(fs::read_to_string(&pid_file)?.parse()?)?;
    assert_eq!(process.field("Name")?, "sleep");
    // What was not executed has no number.
    let none = root.file("none.pid");
    let path = none.to_str().context("path")?;
    container.exec(&["--detach", "--pid-file", path], &["nosuch"])?.refused_with(255)?;
    assert!(!none.exists());
    Ok(())
}

#[test]
fn a_pid_file_that_cannot_be_written_leaves_no_program() -> Result<()> {
    let root = Root::new()?;
    let container = sleeper(&root, "c")?;
    let options = ["--detach", "--pid-file", "/no/such/place"];
    let message = container.exec(&options, &["sleep", "1000"])?.refused_with(255)?;
    assert!(message.contains("--pid-file"), "{message}");
    assert_eq!(container.cgroup()?.processes()?, [container.pid()]);
    Ok(())
}

#[test]
fn an_argument_may_be_long() -> Result<()> {
    let root = Root::new()?;
    let container = sleeper(&root, "c")?;
    let long = "x".repeat(100 << 10);
    let output = container.exec(&[], &["sh", "-c", "echo ${#1}", "sh", &long])?.ok()?;
    assert_eq!(output, format!("{}\n", 100 << 10));
    Ok(())
}

#[test]
fn the_rest_of_the_line_is_the_programs() -> Result<()> {
    let root = Root::new()?;
    let container = sleeper(&root, "c")?;
    let output = container.exec(&[], &["echo", "-t", "--detach", "--", "-x"])?.ok()?;
    assert_eq!(output, "-t --detach -- -x\n");
    let message = container.exec(&[], &[])?.refused()?;
    assert!(message.contains("COMMAND"), "{message}");
    Ok(())
}

#[test]
fn programs_at_the_same_time_leave_nothing() -> Result<()> {
    let root = Root::new()?;
    let container = sleeper(&root, "c")?;
    let running: Vec<_> =
        (0..20).map(|_| container.begin(&["exec"], &["true"])).collect::<Result<_>>()?;
    for exec in running {
        exec.finish()?.ok()?;
    }
    assert_eq!(container.cgroup()?.processes()?, [container.pid()]);
    container.delete(&["--force"])?;
    root.has_nothing_left()
}
