//! What stands before the verb, and options of crun and runc that have no file of their own.

use anyhow::{Context, Result};
use std::fs;
use std::os::fd::AsRawFd;
use tests::{ConsoleSocket, Root};

#[test]
fn the_version_is_in_the_form_that_callers_parse() -> Result<()> {
    let root = Root::new()?;
    for flag in ["--version", "-v", "-V"] {
        let text = root.run(&[flag])?.ok()?;
        let lines: Vec<_> = text.lines().collect();
        // go-runc takes the last word of the first line, and what follows these two.
        assert!(lines[0].starts_with("peapod version "), "{text}");
        assert!(lines[1].starts_with("commit: "), "{text}");
        assert_eq!(lines[2], "spec: 1.3.0");
    }
    Ok(())
}

#[test]
fn what_is_missing_is_refused_and_not_left_out() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?;
    bundle.write()?;
    let path = bundle.path().to_str().context("a path")?;
    for flag in ["--cgroup-manager=disabled", "--rootless=true"] {
        let message = root.run(&[flag, "create", "--bundle", path, "c"])?.refused()?;
        assert_eq!(message, format!("{flag}: not supported by this version of peapod"));
    }
    root.has_nothing_left()
}

#[test]
fn what_makes_no_difference_is_accepted() -> Result<()> {
    let root = Root::new()?;
    for flag in ["--cgroup-manager=cgroupfs", "--rootless=auto", "--rootless=false"] {
        root.run(&[flag, "list"])?.ok()?;
    }
    // To whoever makes no cgroup it does not matter who makes them.
    root.run(&["--systemd-cgroup", "delete", "--force", "nobody"])?.ok()?;
    Ok(())
}

#[test]
fn a_pidfd_is_sent_of_the_first_process_and_of_an_added_one() -> Result<()> {
    let root = Root::new()?;
    let socket = ConsoleSocket::listen(root.file("pidfds"))?;
    let options = ["--pidfd-socket", socket.path()?];
    let container = root.create_with("c", &root.bundle(&["sleep", "1000"])?, &options)?;
    let (pidfd, name) = socket.receive_descriptor()?;
    // runc's words for the two.
    assert_eq!((pid_of(&pidfd)?, name.as_str()), (container.pid(), "standard"));
    container.start()?;
    let file = root.file("pid");
    let detached = ["--detach", "--pid-file", file.to_str().context("a path")?];
    container.exec(&[&options[..], &detached].concat(), &["sleep", "1000"])?.ok()?;
    let (pidfd, name) = socket.receive_descriptor()?;
    assert_eq!((pid_of(&pidfd)?, name.as_str()), (fs::read_to_string(file)?.parse()?, "setns"));
    Ok(())
}

#[test]
fn a_pidfd_socket_that_nobody_listens_at_leaves_no_container() -> Result<()> {
    let root = Root::new()?;
    let missing = root.file("missing");
    let options = ["--pidfd-socket", missing.to_str().context("a path")?];
    let message = root.try_create("c", &root.shell("true")?, &options)?.refused()?;
    assert!(message.contains("--pidfd-socket") && message.contains("missing"), "{message}");
    root.has_nothing_left()
}

/// The process of a pidfd.
fn pid_of(pidfd: &impl AsRawFd) -> Result<i32> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()))?;
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")).context(info.clone())?;
    Ok(pid.trim().parse()?)
}

#[test]
fn a_configuration_can_be_another_file_or_come_from_stdin() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("echo $MARK")?.with("/process/env/-", "MARK=here");
    bundle.write()?;
    let (inside, outside) = (bundle.path().join("config.json"), root.file("other.json"));
    fs::rename(&inside, &outside)?;
    let path = bundle.path().to_str().context("a path")?;
    let other = outside.to_str().context("a path")?;
    let id = root.id("c");
    assert_eq!(root.run(&["run", "--bundle", path, "--config", other, &id])?.ok()?, "here\n");
    let by_stdin = format!("\"$@\" <{other}");
    let args = ["run", "--bundle", path, "--config", "-", &id];
    assert_eq!(root.start_by_shell(&by_stdin, &args)?.finish()?.ok()?, "here\n");
    // Whoever adds a process finds it, although it is not in the bundle.
    root.run(&["create", "--bundle", path, "-f", other, &id])?.ok()?;
    fs::remove_file(&outside)?;
    let said = root.run(&["exec", &id, "sh", "-c", "echo added $MARK"])?.ok()?;
    assert_eq!(said, "added here\n");
    root.adopt_all()?;
    root.run(&["delete", "--force", &id])?.ok().map(drop)
}

#[test]
fn a_dry_run_prints_the_plan_and_does_nothing() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?.with("/hostname", "dry");
    let printed = root.try_create("c", &bundle, &["--dry-run"])?.ok()?;
    assert!(printed.starts_with("Plan {\n") && printed.contains("\"dry\""), "{printed}");
    root.has_nothing_left()
}
