//! Command lines that cannot be: options, and containers that are not in the right state.

use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use tests::{Container, Root};

/// What `exec` ends with when it cannot execute, as that of other runtimes does: the program's own
/// exit codes are more likely to be others.
const NOT_EXECUTED: i32 = 255;

fn is_refused(container: &Container<'_>, verb: &[&str], after: &[&str], part: &str) -> Result<()> {
    let code = if verb == ["exec"] { NOT_EXECUTED } else { 1 };
    let output = container.run(verb, after)?;
    let message = output.refused_with(code).with_context(|| format!("{verb:?}"))?;
    assert!(message.contains(part), "{verb:?}: no {part:?} in {message:?}");
    Ok(())
}

#[test]
fn a_verb_says_which_status_it_cannot_do_with() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["sleep", "1000"])?)?;
    container.start()?;
    is_refused(&container, &["start"], &[], "already running")?;
    is_refused(&container, &["delete"], &[], "not stopped: running")?;
    let cgroup = container.cgroup()?;
    cgroup.freeze()?;
    is_refused(&container, &["start"], &[], "paused")?;
    is_refused(&container, &["delete"], &[], "not stopped: paused")?;
    is_refused(&container, &["exec"], &["true"], "paused")?;
    cgroup.write("cgroup.freeze", "0")?;
    container.kill("KILL")?;
    container.wait()?;
    is_refused(&container, &["start"], &[], "stopped")?;
    is_refused(&container, &["kill"], &[], "not running")?;
    is_refused(&container, &["exec"], &["true"], "stopped")?;
    container.delete(&[])?;
    for verb in ["start", "state", "kill", "stop", "delete"] {
        is_refused(&container, &[verb], &[], "does not exist")?;
    }
    is_refused(&container, &["exec"], &["true"], "does not exist")?;
    root.has_nothing_left()
}

#[test]
fn what_exec_is_asked_for_is_checked() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    for (options, part) in [
        (&["--cwd", "/proc/self/fd/7"][..], "cwd"),
        (&["--cwd", "relative"], "cwd"),
        (&["--cap", "CAP_ZZ"], "CAP_ZZ"),
        (&["--user", "x"], "x"),
        (&["--user", "-1"], "-1"),
        (&["--user", "+1"], "+1"),
        (&["--user", " 1"], " 1"),
        (&["--user", ":2"], ":2"),
        (&["--user", "1:2:3"], "1:2:3"),
        (&["--user", "4294967295"], "4294967295"),
        (&["--user", "1:4294967295"], "4294967295"),
        (&["--user", "4294967296"], "4294967296"),
        (&["--env", "NOVALUE"], "NOVALUE"),
        (&["--cgroup", "../x"], "../x"),
        (&["--preserve-fds", "1000"], "1000"),
        (&["--tty", "--detach"], "console"),
    ] {
        let output = container.exec(options, &["true"])?;
        // A command line that cannot be read ends every verb with 1.
        let code = output.status.code().filter(|code| [1, NOT_EXECUTED].contains(code));
        let message = output.refused_with(code.context("the exit code")?)?;
        assert!(message.contains(part), "{options:?}: {message}");
    }
    let long = "x".repeat(100 << 10);
    assert_eq!(container.exec(&[], &["echo", &long])?.ok()?.trim_end(), long);
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn a_terminal_needs_somebody_who_takes_it() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?.with("/process/terminal", true);
    let long = format!("/{}", "x".repeat(200));
    for (options, part) in [
        (&[][..], "console"),
        (&["--console-socket", "/nowhere/socket"], "/nowhere/socket"),
        (&["--console-socket", "/etc/passwd"], "/etc/passwd"),
        (&["--console-socket", &long], "xxx"),
    ] {
        let message = root.try_create("c", &bundle, options)?.refused()?;
        assert!(message.contains(part), "{options:?}: {message}");
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn descriptors_to_keep_must_be_open() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?;
    let message = root.try_create("c", &bundle, &["--preserve-fds", "50"])?.refused()?;
    assert!(message.contains("--preserve-fds"), "{message}");
    root.has_nothing_left()
}

#[test]
fn a_root_that_is_no_directory_of_ours_is_refused() -> Result<()> {
    let root = Root::new()?;
    let file = root.file("file");
    fs::write(&file, "")?;
    let open = root.file("open");
    fs::create_dir(&open)?;
    fs::set_permissions(&open, fs::Permissions::from_mode(0o770))?;
    let link = root.file("loop");
    symlink("loop", &link)?;
    let below = root.file("file/below");
    let of_the_host = ["/", "/proc", "/proc/x", "/sys", "relative"].map(PathBuf::from);
    for path in [file, open, link, below].into_iter().chain(of_the_host) {
        let path = path.to_string_lossy().into_owned();
        // The last --root is the one that holds.
        let output = std::process::Command::new(tests::peapod()?)
            .args(["--root", &path, "list"])
            .output()?;
        let message = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(1), "{path}: {message}");
        assert!(message.contains("--root") && message.contains(&path), "{path}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    Ok(())
}

#[test]
fn a_container_that_cannot_be_read_is_in_the_list_as_corrupt() -> Result<()> {
    let root = Root::new()?;
    let healthy = root.create("healthy", &root.bundle(&["true"])?)?;
    let spoilt = root.create("spoilt", &root.bundle(&["true"])?)?;
    fs::write(root.state().join(&spoilt.id).join("state.json"), "{\"format\":")?;
    let list = root.run(&["list"])?.ok()?;
    let row = |id: &str| list.lines().find(|line| line.contains(id)).unwrap_or_default().to_owned();
    assert!(row(&healthy.id).contains("created"), "{list}");
    assert!(row(&spoilt.id).contains("corrupt"), "{list}");
    spoilt.delete(&["--force"])?;
    healthy.delete(&[])?;
    root.has_nothing_left()
}
