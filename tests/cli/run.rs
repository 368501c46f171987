//! `peapod run`: create, start, wait, delete.

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::json;
use std::fs;
use std::os::unix::fs::MetadataExt;
use tests::Root;

#[test]
fn the_exit_code_is_that_of_the_container_and_nothing_is_left() -> Result<()> {
    let root = Root::new()?;
    let output = root.start_run("c", &root.shell("echo inside; exit 42")?, &[])?.finish()?;
    assert_eq!(output.status.code(), Some(42), "{output:?}");
    assert_eq!(output.stdout, "inside\n");
    let bundle = root.shell("sleep 1000 & echo $$ >/proc/self/comm; kill -9 $$")?;
    let bundle = bundle.with("/linux/namespaces", json!([{ "type": "mount" }, { "type": "uts" }]));
    let output = root.start_run("c", &bundle, &[])?.finish()?;
    assert_eq!(output.status.code(), Some(128 + 9), "{output:?}");
    root.has_nothing_left()
}

#[test]
fn a_program_that_cannot_be_executed_has_the_exit_code_of_a_shell() -> Result<()> {
    let root = Root::new()?;
    let lost = root.bundle(&["lost"])?.with_file("bin/lost", "#!/bin/gone\n")?;
    let text = root.bundle(&["text"])?.with_file("bin/text", "text\n")?;
    for (bundle, code, words) in [
        (root.bundle(&["nosuch"])?, 127, "executable file not found in $PATH"),
        (root.bundle(&["/no/such"])?, 127, "no such file or directory"),
        (root.bundle(&["/etc"])?, 126, "permission denied"),
        (lost, 127, "its interpreter \"/bin/gone\""),
        (text, 126, "ENOEXEC"),
    ] {
        let message = root.start_run("c", &bundle, &[])?.finish()?.refused_with(code)?;
        assert!(message.contains(words), "{message}");
        root.has_nothing_left()?;
    }
    let bundle = root.bundle(&["true"])?.with("/process/cwd", "relative");
    let message = root.start_run("c", &bundle, &[])?.finish()?.refused()?;
    assert!(message.contains("process.cwd"), "{message}");
    root.has_nothing_left()
}

#[test]
fn a_signal_is_passed_on() -> Result<()> {
    let root = Root::new()?;
    for (signal, name) in
        [(Signal::SIGTERM, "TERM"), (Signal::SIGINT, "INT"), (Signal::SIGUSR1, "USR1")]
    {
        let script = format!("trap 'exit 5' {name}; echo ready; sleep 1000 & wait");
        let running = root.start_run("c", &root.shell(&script)?, &[])?;
        running.says("ready")?;
        running.signal(signal)?;
        assert_eq!(running.finish()?.status.code(), Some(5), "{signal}");
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn a_container_that_is_kept_can_be_looked_at() -> Result<()> {
    let root = Root::new()?;
    root.start_run("c", &root.shell("exit 3")?, &["--keep"])?.finish()?;
    let state = root.run(&["state", &root.id("c")])?.ok()?;
    assert!(state.contains("\"stopped\""), "{state}");
    root.run(&["delete", &root.id("c")])?.ok()?;
    root.has_nothing_left()
}

#[test]
fn nobody_waits_for_a_detached_container() -> Result<()> {
    let root = Root::new()?;
    let pid_file = root.file("pid");
    let options = ["--detach", "--pid-file", pid_file.to_str().context("path")?];
    root.start_run("c", &root.bundle(&["sleep", "1000"])?, &options)?.finish()?.ok()?;
    root.adopt(fs::read_to_string(&pid_file)?.parse()?)?;
    let state = root.run(&["state", &root.id("c")])?.ok()?;
    assert!(state.contains("\"running\""), "{state}");
    root.run(&["delete", "--force", &root.id("c")])?.ok()?;
    root.has_nothing_left()
}

#[test]
fn what_the_program_leaves_running_is_ended() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    // In the PID namespace of a pod the end of the first process is not that of the others.
    let bundle = root.shell("sleep 1000 & exit 0")?;
    root.start_run("c", &bundle, &["--sandbox", &pod.id])?.finish()?.ok()?;
    assert!(!pod.cgroup()?.path().join(root.id("c")).exists());
    pod.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn an_id_that_is_taken_is_left_alone() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let message = root.start_run("c", &root.bundle(&["true"])?, &[])?.finish()?.refused()?;
    assert!(message.contains("container with given ID already exists"), "{message}");
    assert_eq!(container.status()?, "running");
    Ok(())
}

#[test]
fn a_root_that_covers_the_hosts_does_as_well() -> Result<()> {
    let root = Root::new()?;
    let script = "cat /etc/here /../etc/here; cut -d' ' -f5 /proc/self/mountinfo | sort | head -2";
    let bundle = root.shell(script)?.with_file("etc/here", "here\n")?;
    let output = root.start_run("c", &bundle, &["--no-pivot"])?.finish()?.ok()?;
    assert_eq!(output, "here\nhere\n/\n/dev\n");
    let container = root.create_with("d", &bundle, &["--no-pivot"])?;
    assert_eq!(container.exec(&[], &["cat", "/etc/here"])?.ok()?, "here\n");
    Ok(())
}

#[test]
fn descriptors_are_kept_if_the_caller_says_so() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("ls /proc/$$/fd; cat <&3; echo $LISTEN_FDS $LISTEN_PID $$")?;
    bundle.write()?;
    let path = bundle.path().to_str().context("path")?;
    let file = root.file("kept");
    fs::write(&file, "kept\n")?;
    let id = root.id("c");
    let open = format!("exec 3<{0} 4<{0} 5<{0} 6<{0};", file.display());
    let args = ["run", "--preserve-fds", "1", "--bundle", path, &id];
    let output = root.start_by_shell(&format!("{open} exec \"$@\""), &args)?.finish()?.ok()?;
    assert_eq!(output, "0\n1\n2\n3\nkept\n1\n");
    // Those that systemd passes come first, and are told of.
    let shell = format!("{open} LISTEN_PID=$$ LISTEN_FDS=2 exec \"$@\"");
    let output = root.start_by_shell(&shell, &args)?.finish()?.ok()?;
    assert_eq!(output, "0\n1\n2\n3\n4\n5\nkept\n2 1 1\n");
    // They are another process's.
    let shell = format!("{open} LISTEN_PID=1 LISTEN_FDS=2 exec \"$@\"");
    let output = root.start_by_shell(&shell, &args)?.finish()?.ok()?;
    assert_eq!(output, "0\n1\n2\n3\nkept\n1\n");
    Ok(())
}

#[test]
fn a_pipe_is_given_to_the_user_and_a_file_is_not() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("echo again >/dev/stdout")?;
    bundle.write()?;
    let id = root.id("c");
    let args = ["run", "--bundle", bundle.path().to_str().context("path")?, &id];
    let output = root.start_by_shell("\"$@\" | cat", &args)?.finish()?.ok()?;
    assert_eq!(output, "again\n");
    let file = root.file("out");
    root.start_by_shell(&format!("exec \"$@\" >{}", file.display()), &args)?.finish()?;
    assert_eq!(fs::metadata(&file)?.uid(), 0);
    Ok(())
}

#[test]
fn a_session_keyring_is_the_containers_own_unless_it_is_to_be_the_callers() -> Result<()> {
    let root = Root::new()?;
    let keys = ["sh", "-c", "cat /proc/keys"];
    let bundle = root.bundle(&["sleep", "1000"])?.as_root(&[]).without("/linux/maskedPaths");
    let name = |id: &str| format!("_ses.{id}");
    let container = root.start_container("c", &bundle)?;
    let output = container.exec(&[], &keys)?.ok()?;
    assert!(output.contains(&name(&container.id)), "{output}");
    let container = root.create_with("d", &bundle, &["--no-new-keyring"])?;
    let output = container.exec(&[], &keys)?.ok()?;
    assert!(!output.contains(&name(&container.id)), "{output}");
    Ok(())
}
