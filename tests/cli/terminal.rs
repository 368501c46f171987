//! Terminals of containers and of programs in them.

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use tests::{Bundle, ConsoleSocket, Root, Terminal};

fn on_terminal(root: &Root, script: &str) -> Result<Bundle> {
    Ok(root.shell(script)?.with("/process/terminal", true))
}

#[test]
fn the_terminal_is_stdio_and_the_console_and_the_users_own() -> Result<()> {
    let root = Root::new()?;
    let script = "tty; stat -c '%t:%T %u' /dev/console $(tty); echo on the tty >/dev/tty; \
                  for fd in 0 1 2; do readlink /proc/$$/fd/$fd; done; stty size";
    let bundle = on_terminal(&root, script)?
        .with("/process/consoleSize", json!({ "height": 31, "width": 97 }));
    let output = root.start_run("c", &bundle, &[])?.finish()?.ok()?;
    let tty = "/dev/pts/0\r\n";
    let wanted = format!("{tty}88:0 65534\r\n88:0 65534\r\non the tty\r\n{tty}{tty}{tty}31 97\r\n");
    assert_eq!(output, wanted);
    root.has_nothing_left()
}

#[test]
fn the_foreground_passes_on_what_is_typed_and_what_is_said() -> Result<()> {
    let root = Root::new()?;
    let mut terminal = Terminal::open(24, 80)?;
    let script = "stty size; read line; echo \"heard: $line\"; exit 9";
    let bundle = on_terminal(&root, script)?;
    bundle.write()?;
    let path = bundle.path().to_str().context("path")?.to_owned();
    assert!(!terminal.is_raw()?);
    let running = root.start_on(&terminal, &["run", "--bundle", &path, &root.id("c")])?;
    terminal.shows("24 80\r\n")?;
    assert!(terminal.is_raw()?);
    terminal.types("hello\r")?;
    let shown = terminal.shows("heard: hello\r\n")?;
    assert!(shown.starts_with("hello\r\n"), "{shown:?}");
    assert_eq!(running.finish()?.status.code(), Some(9));
    assert!(!terminal.is_raw()?);
    Ok(())
}

#[test]
fn keys_that_are_signals_are_the_programs() -> Result<()> {
    let root = Root::new()?;
    let mut terminal = Terminal::open(24, 80)?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let script = "trap 'echo interrupted; exit 4' INT; echo ready; sleep 1000 & wait";
    let args = ["exec", "-t", &container.id, "sh", "-c", script];
    let running = root.start_on(&terminal, &args)?;
    terminal.shows("ready")?;
    terminal.types("\x03")?;
    terminal.shows("interrupted")?;
    assert_eq!(running.finish()?.status.code(), Some(4));
    assert!(!terminal.is_raw()?);
    Ok(())
}

#[test]
fn the_program_learns_of_another_size() -> Result<()> {
    let root = Root::new()?;
    let mut terminal = Terminal::open(24, 80)?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let script = "trap 'stty size' WINCH; stty size; sleep 1000 & while :; do wait; done";
    let running =
        root.start_on(&terminal, &["exec", "--tty", &container.id, "sh", "-c", script])?;
    terminal.shows("24 80\r\n")?;
    terminal.resize(50, 132)?;
    // Nobody's terminal is controlled by the one that was resized: who sits there tells.
    running.signal(Signal::SIGWINCH)?;
    terminal.shows("50 132\r\n")?;
    terminal.types("\x03")?;
    assert_eq!(running.finish()?.status.code(), Some(128 + 2));
    Ok(())
}

#[test]
fn a_terminal_without_one_of_the_callers_works_too() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let script = "tty; i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done";
    let output = container.exec(&["-t"], &["sh", "-c", script])?.ok()?;
    assert!(output.starts_with("/dev/pts/0\r\n"), "{output}");
    assert!(output.ends_with("line 1999\r\n"), "{}", &output[output.len() - 50..]);
    Ok(())
}

#[test]
fn a_terminal_is_sent_to_the_console_socket() -> Result<()> {
    let root = Root::new()?;
    let socket = ConsoleSocket::listen(root.file("console"))?;
    let bundle = on_terminal(&root, "stty size; read line; echo \"heard: $line\"")?
        .with("/process/consoleSize", json!({ "height": 10, "width": 20 }));
    let container = root.create_with("c", &bundle, &["--console-socket", socket.path()?])?;
    let (mut terminal, name) = socket.receive()?;
    assert_eq!(name, "/dev/ptmx");
    container.start()?;
    terminal.shows("10 20\r\n")?;
    terminal.types("hello\r")?;
    terminal.shows("heard: hello\r\n")?;
    assert_eq!(container.exit_code()?, Some(0));
    terminal.hangs_up()
}

#[test]
fn a_detached_program_has_its_terminal_at_the_console_socket() -> Result<()> {
    let root = Root::new()?;
    let socket = ConsoleSocket::listen(root.file("console"))?;
    let pod = root.sandbox("pod", &[])?;
    let container = pod.start("c", &root.bundle(&["sleep", "1000"])?)?;
    let pid_file = root.file("exec.pid");
    let path = pid_file.to_str().context("path")?;
    let options = ["-t", "-d", "--pid-file", path, "--console-socket", socket.path()?];
    container.exec(&options, &["sh", "-c", "read line; tty"])?.ok()?;
    let process = root.adopt(fs::read_to_string(&pid_file)?.parse()?)?;
    let (mut terminal, _) = socket.receive()?;
    terminal.types("\r")?;
    terminal.shows("/dev/pts/0\r\n")?;
    process.wait().map(drop)
}

#[test]
fn a_terminal_in_a_pod_is_the_containers() -> Result<()> {
    let root = Root::new()?;
    for mode in ["shared", "nested"] {
        let pod = root.sandbox(mode, &["--pid", mode])?;
        let bundle = on_terminal(&root, "tty; echo here >/dev/console")?;
        let options = ["--sandbox", &pod.id];
        let output = root.start_run(&format!("c-{mode}"), &bundle, &options)?.finish()?.ok()?;
        assert_eq!(output, "/dev/pts/0\r\nhere\r\n", "{mode}");
    }
    Ok(())
}

#[test]
fn a_terminal_needs_somebody_to_be_at_it() -> Result<()> {
    let root = Root::new()?;
    let socket = ConsoleSocket::listen(root.file("console"))?;
    let bundle = on_terminal(&root, "true")?;
    let none = "cannot allocate tty if runc will detach without setting console socket";
    let unused = "cannot use console socket if runc will not detach or allocate tty";
    let message = root.try_create("c", &bundle, &[])?.refused()?;
    assert!(message.contains(none), "{message}");
    let message = root.start_run("c", &bundle, &["--detach"])?.finish()?.refused()?;
    assert!(message.contains(none), "{message}");
    let options = ["--console-socket", socket.path()?];
    let message = root.start_run("c", &bundle, &options)?.finish()?.refused()?;
    assert!(message.contains(unused), "{message}");
    let message = root.try_create("c", &root.bundle(&["true"])?, &options)?.refused()?;
    assert!(message.contains(unused), "{message}");
    let container = root.start_container("d", &root.bundle(&["sleep", "1000"])?)?;
    let message = container.exec(&["-t", "-d"], &["true"])?.refused_with(255)?;
    assert!(message.contains(none), "{message}");
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn a_console_socket_must_be_one() -> Result<()> {
    let root = Root::new()?;
    let bundle = on_terminal(&root, "true")?;
    let file = root.file("file");
    fs::write(&file, "")?;
    let long = format!("/tmp/{}", "x".repeat(103));
    for (path, words) in [
        ("/no/such/socket", "ENOENT"),
        (file.to_str().context("path")?, "ECONNREFUSED"),
        (&long, "longer than 107 bytes"),
    ] {
        let message = root.try_create("c", &bundle, &["--console-socket", path])?.refused()?;
        assert!(message.contains("--console-socket") && message.contains(words), "{message}");
        root.has_nothing_left()?;
    }
    Ok(())
}

/// CVE-2026-88264.
#[test]
fn a_link_in_place_of_the_console_leads_nowhere() -> Result<()> {
    let root = Root::new()?;
    let outside = root.file("outside");
    for target in [outside.to_str().context("path")?, "/etc/passwd"] {
        let bundle = on_terminal(&root, "true")?
            .without_mount("/dev/pts")
            .without_mount("/dev/shm")
            .without_mount("/dev/mqueue")
            .without_mount("/dev")
            .with_mount("devpts", "devpts", "/dev/pts", &["newinstance", "ptmxmode=0666"])
            .with("/root/readonly", false);
        symlink(target, bundle.rootfs().join("dev/console"))?;
        let message = root.start_run("c", &bundle, &[])?.finish()?.refused()?;
        assert!(message.contains("\"/dev/console\" is a symbolic link"), "{message}");
        assert!(!outside.exists());
        root.has_nothing_left()?;
    }
    Ok(())
}

/// CVE-2025-52565: what is at `/dev/pts` need not be terminals.
#[test]
fn a_terminal_comes_only_from_devpts() -> Result<()> {
    let root = Root::new()?;
    let bundle = on_terminal(&root, "true")?.without_mount("/dev/pts").with_mount(
        "tmpfs",
        "tmpfs",
        "/dev/pts",
        &[],
    );
    let message = root.start_run("c", &bundle, &[])?.finish()?.refused()?;
    assert!(message.contains("process.terminal") && message.contains("no devpts"), "{message}");
    root.has_nothing_left()
}

#[test]
fn what_is_mounted_over_the_multiplexer_is_not_opened() -> Result<()> {
    let root = Root::new()?;
    let file = root.file("fake");
    fs::write(&file, "")?;
    let source = file.to_str().context("path")?;
    let bundle = on_terminal(&root, "true")?.with_mount("bind", source, "/dev/pts/ptmx", &["bind"]);
    let message = root.start_run("c", &bundle, &[])?.finish()?.refused()?;
    assert!(message.contains("process.terminal") && message.contains("EXDEV"), "{message}");
    Ok(())
}
