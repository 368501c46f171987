//! Hooks: each at its point, in its namespaces, told the state; and what becomes of a container
//! whose hook fails.

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tests::{Bundle, Root, namespace};

const KINDS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/// A hook that is a shell script.
fn script(text: &str) -> Value {
    json!({ "path": "/bin/sh", "args": ["sh", "-c", text] })
}

fn with_hook(bundle: Bundle, kind: &str, hook: impl Into<Value>) -> Bundle {
    bundle.with(&format!("/hooks/{kind}"), vec![hook.into()])
}

/// A directory that hooks write into, at the same path in the container.
fn log(root: &Root) -> Result<PathBuf> {
    let log = root.file("log");
    fs::create_dir(&log)?;
    fs::set_permissions(&log, Permissions::from_mode(0o777))?;
    Ok(log)
}

fn sees_log(bundle: Bundle, log: &str) -> Bundle {
    bundle.with_mount("bind", log, log, &["bind"])
}

/// A bundle whose hooks write into the log what `what` prints, under the names of their kinds.
fn logging(root: &Root, args: &[&str], what: &str) -> Result<(Bundle, PathBuf)> {
    let log = log(root)?;
    let path = log.to_str().context("a path")?;
    let mut bundle = sees_log(root.bundle(args)?, path).with("/annotations", json!({ "a": "b" }));
    for kind in KINDS {
        let text = format!("{what} >{path}/{kind}; echo {kind} >>{path}/order");
        bundle = with_hook(bundle, kind, script(&text));
    }
    // Made here, so that every user can add to it.
    fs::write(log.join("order"), "")?;
    fs::set_permissions(log.join("order"), Permissions::from_mode(0o666))?;
    Ok((bundle, log))
}

fn order(log: &std::path::Path) -> Result<String> {
    Ok(fs::read_to_string(log.join("order"))?.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn each_runs_at_its_point_and_is_told_the_state() -> Result<()> {
    let root = Root::new()?;
    let (bundle, log) = logging(&root, &["sleep", "100"], "cat")?;
    let container = root.create("c", &bundle)?;
    assert_eq!(order(&log)?, "prestart createRuntime createContainer");
    container.start()?;
    assert_eq!(order(&log)?, KINDS[..5].join(" "));
    container.delete(&["--force"])?;
    assert_eq!(order(&log)?, KINDS.join(" "));
    let pid = container.pid();
    for (kind, status, pid) in [
        ("prestart", "creating", json!(pid)),
        ("createRuntime", "creating", json!(pid)),
        ("createContainer", "creating", json!(1)),
        ("startContainer", "created", json!(1)),
        ("poststart", "running", json!(pid)),
        ("poststop", "stopped", Value::Null),
    ] {
        let seen: Value = serde_json::from_slice(&fs::read(log.join(kind))?)?;
        assert_eq!((&seen["status"], &seen["pid"]), (&json!(status), &pid), "{kind}: {seen}");
        assert_eq!(seen["id"], container.id, "{kind}");
        assert_eq!(seen["bundle"], bundle.path().to_str().context("a path")?, "{kind}");
        assert_eq!(seen["annotations"], json!({ "a": "b" }), "{kind}");
        assert_eq!(seen["ociVersion"], "1.3.0", "{kind}");
    }
    root.has_nothing_left()
}

#[test]
fn each_runs_in_its_namespaces() -> Result<()> {
    let root = Root::new()?;
    let links = "{ for kind in mnt net pid; do readlink /proc/self/ns/$kind; done; }";
    let (bundle, log) = logging(&root, &["sleep", "100"], links)?;
    let container = root.start_container("c", &bundle)?;
    let own = i32::try_from(std::process::id())?;
    let names = |pid| -> Result<Vec<String>> {
        ["mnt", "net", "pid"].into_iter().map(|kind| namespace(pid, kind)).collect()
    };
    let (hosts, its) = (names(own)?, names(container.pid())?);
    for kind in &KINDS[..5] {
        let seen = fs::read_to_string(log.join(kind))?;
        let seen: Vec<_> = seen.lines().map(str::to_owned).collect();
        let wanted = if kind.ends_with("Container") { &its } else { &hosts };
        assert_eq!(&seen, wanted, "{kind}");
    }
    Ok(())
}

#[test]
fn in_a_pod_the_pid_is_that_of_the_program() -> Result<()> {
    for mode in ["shared", "nested"] {
        let root = Root::new()?;
        let (bundle, log) = logging(&root, &["sh", "-c", "echo $$; sleep 100"], "cat")?;
        let sandbox = root.sandbox("pod", &["--pid", mode])?;
        let container = sandbox.start("c", &bundle)?;
        let inside = container.says("\n")?;
        for (kind, pid) in [
            ("prestart", container.pid()),
            ("createContainer", inside.trim().parse()?),
            ("startContainer", inside.trim().parse()?),
            ("poststart", container.pid()),
        ] {
            let seen: Value = serde_json::from_slice(&fs::read(log.join(kind))?)?;
            assert_eq!(seen["pid"], pid, "{mode} {kind}");
        }
        container.kill("KILL")?;
        container.wait()?;
        sandbox.delete(&["--force"])?;
        assert_eq!(order(&log)?, KINDS.join(" "), "{mode}");
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn what_hooks_mount_in_the_root_is_there() -> Result<()> {
    let root = Root::new()?;
    let log = log(&root)?;
    fs::write(log.join("file"), "from a hook")?;
    let bundle = root.bundle(&["cat", "/tmp/given", "/etc/hooked"])?;
    fs::create_dir_all(bundle.rootfs().join("etc"))?;
    fs::create_dir_all(bundle.rootfs().join("tmp"))?;
    let rootfs = bundle.rootfs().to_str().context("a path")?.to_owned();
    let path = log.to_str().context("a path")?.to_owned();
    // It sees the mounts of the container below the path of its root, and adds one.
    let mounts = format!(
        "test -e {rootfs}/proc/1 || exit 3; touch {rootfs}/etc/hooked {rootfs}/tmp/given; \
         mount --bind {path}/file {rootfs}/tmp/given"
    );
    let bundle = with_hook(bundle, "createContainer", {
        let mut hook = script(&mounts);
        hook["env"] = json!(["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
        hook
    });
    let container = root.start_container("c", &bundle)?;
    assert_eq!(container.output()?, "from a hook");
    assert_eq!(fs::read_to_string(bundle.rootfs().join("tmp/given"))?, "");
    container.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn one_of_the_container_is_as_powerless_as_its_program() -> Result<()> {
    let root = Root::new()?;
    let what = "grep -E '^(Uid|Cap|NoNewPrivs)' /proc/self/status; pwd; echo $A";
    let (bundle, log) = logging(&root, &["sh", "-c", what], what)?;
    let bundle = bundle.with("/process/env/-", "A=b").with("/process/cwd", "/bin");
    let container = root.start_container("c", &bundle)?;
    let program = container.output()?;
    // The last command alone is redirected.
    let seen = fs::read_to_string(log.join("startContainer"))?;
    assert_eq!(seen, "b\n");
    let bundle = with_hook(bundle, "startContainer", {
        let path = log.to_str().context("a path")?;
        script(&format!("{{ {what}; }} >{path}/all"))
    });
    let container = root.start_container("d", &bundle)?;
    container.wait()?;
    assert_eq!(fs::read_to_string(log.join("all"))?, program);
    Ok(())
}

#[test]
fn one_that_fails_before_start_leaves_no_container() -> Result<()> {
    for kind in &KINDS[..3] {
        let root = Root::new()?;
        let (bundle, log) = logging(&root, &["sleep", "100"], "cat")?;
        let hook = script("echo out; echo one >&2; echo two >&2; exit 3");
        let message = root.try_create("c", &with_hook(bundle, kind, hook), &[])?.refused()?;
        let wanted = format!("hooks.{kind}[0]: \"/bin/sh\": exited with status 3: out; one; two");
        assert_eq!(message, wanted);
        // What earlier ones have done is to be undone.
        assert!(order(&log)?.ends_with("poststop"), "{}", order(&log)?);
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn one_that_fails_at_start_ends_the_container() -> Result<()> {
    for kind in ["startContainer", "poststart"] {
        let root = Root::new()?;
        let (bundle, log) = logging(&root, &["sleep", "100"], "cat")?;
        let bundle = with_hook(bundle, kind, script("echo why >&2; kill -9 $$"));
        let container = root.create("c", &bundle)?;
        let message = container.run(&["start"], &[])?.refused()?;
        let wanted = format!("hooks.{kind}[0]: \"/bin/sh\": was killed by signal 9: why");
        assert_eq!(message, wanted);
        container.wait()?;
        assert_eq!(container.status()?, "stopped");
        container.delete(&[])?;
        assert!(order(&log)?.ends_with("poststop"));
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn one_that_fails_at_the_end_is_a_warning() -> Result<()> {
    let root = Root::new()?;
    let (bundle, log) = logging(&root, &["true"], "cat")?;
    let path = log.to_str().context("a path")?;
    let hooks = json!([script("exit 1"), script(&format!("echo second >>{path}/order"))]);
    let container = root.start_container("c", &bundle.with("/hooks/poststop", hooks))?;
    container.wait()?;
    let output = container.run(&["delete"], &[])?;
    assert!(output.status.success(), "{output:?}");
    let wanted = "peapod: warning: hooks.poststop[0]: \"/bin/sh\": exited with status 1\n";
    assert_eq!(output.stderr, wanted);
    assert!(order(&log)?.ends_with("second"));
    root.has_nothing_left()
}

#[test]
fn a_timeout_ends_all_of_the_process_group() -> Result<()> {
    let root = Root::new()?;
    for kind in ["createRuntime", "createContainer"] {
        let fifo = root.file(kind);
        mkfifo(&fifo, Mode::S_IRWXU)?;
        let path = fifo.to_str().context("a path")?;
        // Whoever of them lives holds the fifo open.
        let mut hook = script(&format!("exec 9<>{path}; sleep 1000 & sleep 1000 & wait"));
        hook["timeout"] = json!(1);
        let begin = Instant::now();
        let bundle = with_hook(root.bundle(&["true"])?, kind, hook);
        let message = root.try_create("c", &bundle, &[])?.refused()?;
        assert!(message.ends_with("did not end within its timeout"), "{message}");
        assert!(begin.elapsed() >= Duration::from_secs(1));
        let opened = open(&fifo, OFlag::O_WRONLY | OFlag::O_NONBLOCK, Mode::empty());
        assert_eq!(opened.err(), Some(Errno::ENXIO), "somebody still reads");
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn one_that_reads_nothing_or_says_much_is_no_trouble() -> Result<()> {
    let root = Root::new()?;
    let long = "x".repeat(200_000);
    let bundle = root.bundle(&["true"])?.with("/annotations", json!({ "long": long }));
    let much = "exec <&-; head -c 1048576 /dev/zero; head -c 1048576 /dev/zero >&2";
    let much_inside = "exec <&-; dd if=/dev/zero bs=1024 count=1024 2>/dev/null";
    let bundle = KINDS.iter().fold(bundle, |bundle, kind| {
        let text = if *kind == "startContainer" { much_inside } else { much };
        let mut hook = script(text);
        hook["env"] = json!(["PATH=/usr/bin:/bin"]);
        with_hook(bundle, kind, hook)
    });
    let container = root.start_container("c", &bundle)?;
    container.wait()?;
    let output = container.run(&["delete"], &[])?;
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    root.has_nothing_left()
}

#[test]
fn children_that_hooks_leave_behind_hold_up_nothing() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["sh", "-c", "ps; exec sleep 100"])?;
    // A child that lives on with the hook's output open, and one that has ended before.
    let bundle = KINDS.iter().fold(bundle, |bundle, kind| {
        let seconds = if kind.ends_with("Container") { 1000 } else { 2 };
        let text = format!("(sleep 0) & sleep {seconds} & exit 0");
        let mut hook = script(&text);
        hook["env"] = json!(["PATH=/usr/bin:/bin"]);
        with_hook(bundle, kind, hook)
    });
    let container = root.start_container("c", &bundle)?;
    container.says("ps")?;
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn a_changed_config_changes_no_hook_of_a_container_that_exists() -> Result<()> {
    let root = Root::new()?;
    let (bundle, log) = logging(&root, &["true"], "cat")?;
    let container = root.create("c", &bundle)?;
    fs::remove_file(bundle.path().join("config.json"))?;
    container.start()?;
    container.wait()?;
    container.delete(&[])?;
    assert_eq!(order(&log)?, KINDS.join(" "));
    root.has_nothing_left()
}

#[test]
fn a_create_that_was_killed_in_a_hook_still_has_its_end() -> Result<()> {
    for corrupt in [false, true] {
        let root = Root::new()?;
        let (bundle, log) = logging(&root, &["true"], "cat")?;
        let path = log.to_str().context("a path")?;
        fs::write(log.join("begun"), "")?;
        let text = format!("echo begun >>{path}/begun; exec sleep 5");
        let create =
            root.start_create("c", &with_hook(bundle, "createRuntime", script(&text)), &[])?;
        tests::file_with(&log.join("begun"), "begun")?;
        create.signal(Signal::SIGKILL)?;
        create.finish()?;
        let seen: Value = serde_json::from_slice(&fs::read(log.join("prestart"))?)?;
        root.adopt(i32::try_from(seen["pid"].as_i64().context("a pid")?)?)?;
        if corrupt {
            fs::write(root.state().join(root.id("c")).join("state.json"), "{")?;
        }
        root.run(&["delete", "--force", &root.id("c")])?.ok()?;
        assert_eq!(order(&log)?, "prestart poststop");
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn an_interrupted_create_ends_its_hook() -> Result<()> {
    let root = Root::new()?;
    let (bundle, log) = logging(&root, &["true"], "cat")?;
    let path = log.to_str().context("a path")?;
    fs::write(log.join("begun"), "")?;
    let text = format!("echo begun >>{path}/begun; exec sleep 1000");
    let create = root.start_create("c", &with_hook(bundle, "createRuntime", script(&text)), &[])?;
    tests::file_with(&log.join("begun"), "begun")?;
    create.signal(Signal::SIGTERM)?;
    let message = create.finish()?.refused()?;
    assert_eq!(message, "hooks.createRuntime[0]: \"/bin/sh\": was interrupted");
    assert_eq!(order(&log)?, "prestart poststop");
    root.has_nothing_left()
}

#[test]
fn a_signal_ends_a_run_in_the_background_while_it_starts() -> Result<()> {
    let root = Root::new()?;
    let (bundle, log) = logging(&root, &["true"], "cat")?;
    let path = log.to_str().context("a path")?;
    let text = format!("echo begun >>{path}/order; exec sleep 1000");
    let bundle = with_hook(bundle, "startContainer", script(&text));
    let run = root.start_run("c", &bundle, &["--detach"])?;
    tests::file_with(&log.join("order"), "begun")?;
    let state: Value = serde_json::from_str(&root.run(&["state", &root.id("c")])?.ok()?)?;
    let init = state["pid"].as_i64().context("a pid")?;
    run.signal(Signal::SIGTERM)?;
    let output = run.finish()?;
    root.adopt(init.try_into()?)?;
    assert_eq!(output.status.signal(), Some(Signal::SIGTERM as i32), "{output:?}");
    root.run(&["delete", "--force", &root.id("c")])?.ok()?;
    root.has_nothing_left()
}

#[test]
fn a_container_without_hooks_keeps_nothing_of_them() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    assert!(!root.state().join(&container.id).join("hooks").exists());
    let state = fs::read_to_string(root.state().join(&container.id).join("state.json"))?;
    assert!(!state.contains("ooks"), "{state}");
    Ok(())
}

#[test]
fn a_container_that_is_run_has_all_its_hooks() -> Result<()> {
    let root = Root::new()?;
    let (bundle, log) = logging(&root, &["true"], "cat")?;
    let bundle = with_hook(bundle, "poststop", script("exit 4"));
    bundle.write()?;
    let path = bundle.path().to_str().context("a path")?;
    let output = root.run(&["run", "--bundle", path, &root.id("c")])?;
    assert!(output.status.success(), "{output:?}");
    let wanted = "peapod: warning: hooks.poststop[0]: \"/bin/sh\": exited with status 4\n";
    assert_eq!(output.stderr, wanted);
    assert_eq!(order(&log)?, KINDS[..5].join(" "));
    root.has_nothing_left()
}

#[test]
fn the_root_that_is_not_pivoted_into_is_where_hooks_look_for_it() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["cat", "/dev/hooked"])?;
    let rootfs = bundle.rootfs().to_str().context("a path")?.to_owned();
    let hook = script(&format!("test -e {rootfs}/proc/1 && echo seen >{rootfs}/dev/hooked"));
    let bundle = with_hook(bundle, "createContainer", hook);
    let container = root.create_with("c", &bundle, &["--no-pivot"])?;
    container.start()?;
    assert_eq!(container.output()?, "seen\n");
    Ok(())
}
