//! config-linux.md, "Devices" and "Default Devices".

use crate::{output, refuses, shows};
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{Bundle, ConsoleSocket, Root};

/// A writable root with that device.
fn with_device(bundle: Bundle, device: Value) -> Bundle {
    bundle.with("/root/readonly", false).with("/linux/devices", Value::from(vec![device]))
}

fn shows_device(device: Value, expected: &str) -> Result<()> {
    let path = device["path"].as_str().unwrap_or_default().to_owned();
    let script = format!("stat -c '%F %t:%T %a %u:%g' {path}");
    shows(&script, |bundle| with_device(bundle, device), expected)
}

#[test]
fn a_character_device() -> Result<()> {
    let device = json!({ "type": "c", "path": "/dev/x", "major": 10, "minor": 229,
        "fileMode": 0o640, "uid": 5, "gid": 6 });
    shows_device(device, "character special file a:e5 640 5:6")
}

#[test]
fn an_unbuffered_character_device() -> Result<()> {
    let device = json!({ "type": "u", "path": "/dev/x", "major": 10, "minor": 229,
        "fileMode": 0o600, "uid": 0, "gid": 0 });
    shows_device(device, "character special file a:e5 600 0:0")
}

#[test]
fn a_block_device() -> Result<()> {
    let device = json!({ "type": "b", "path": "/dev/x", "major": 7, "minor": 200,
        "fileMode": 0o600, "uid": 0, "gid": 0 });
    shows_device(device, "block special file 7:c8 600 0:0")
}

#[test]
fn a_fifo_without_numbers() -> Result<()> {
    let device = json!({ "type": "p", "path": "/dev/x", "fileMode": 0o644, "uid": 7, "gid": 8 });
    shows_device(device, "fifo 0:0 644 7:8")
}

#[test]
fn a_device_outside_of_dev() -> Result<()> {
    let device = json!({ "type": "c", "path": "/var/lib/x", "major": 1, "minor": 3,
        "fileMode": 0o666, "uid": 0, "gid": 0 });
    shows_device(device, "character special file 1:3 666 0:0")
}

#[test]
fn a_device_that_is_there_already() -> Result<()> {
    let device = json!({ "type": "c", "path": "/dev/null", "major": 1, "minor": 3 });
    let script = "stat -c '%F %t:%T' /dev/null";
    shows(script, |bundle| with_device(bundle, device), "character special file 1:3")
}

#[test]
fn a_mode_is_optional() -> Result<()> {
    let device = json!({ "type": "c", "path": "/dev/x", "major": 1, "minor": 3 });
    let script = "test -c /dev/x && echo there";
    shows(script, |bundle| with_device(bundle, device), "there")
}

#[test]
fn the_owner_is_one_of_the_container() -> Result<()> {
    let device = json!({ "type": "p", "path": "/dev/x", "fileMode": 0o644, "uid": 7, "gid": 8 });
    let mapped = |bundle| crate::with_user_namespace(with_device(bundle, device), 100_000);
    shows("stat -c %u:%g /dev/x", mapped, "7:8")
}

#[test]
fn something_else_at_the_path_is_an_error() -> Result<()> {
    let device = json!({ "type": "c", "path": "/bin/busybox", "major": 1, "minor": 3 });
    refuses(|bundle| with_device(bundle, device))
}

#[test]
fn a_type_is_required() -> Result<()> {
    refuses(|bundle| with_device(bundle, json!({ "path": "/dev/x", "major": 1, "minor": 3 })))
}

#[test]
fn a_path_is_required() -> Result<()> {
    refuses(|bundle| with_device(bundle, json!({ "type": "c", "major": 1, "minor": 3 })))
}

#[test]
fn what_nobody_asked_for_cannot_be_used() -> Result<()> {
    // Even by whoever may make it: 1:1 is the memory of the machine, 10:229 is /dev/fuse.
    let script = "mknod /tmp/x c 1 1 && cat /tmp/x; mknod /tmp/y c 10 229 && cat /tmp/y; true";
    let root = Root::new()?;
    let bundle = root.shell(&format!("{{ {script}; }} 2>&1"))?.as_root(&["CAP_MKNOD"]);
    let bundle = bundle.with_mount("tmpfs", "tmpfs", "/tmp", &[]);
    let seen = root.start_container("c", &bundle)?.output()?;
    ensure!(seen.matches("Operation not permitted").count() == 2, "{seen}");
    Ok(())
}

/// A test for each default device: what it is, and what reading or writing does.
macro_rules! defaults {
    ($($name:ident: $script:literal shows $expected:literal;)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            shows($script, |bundle| bundle, $expected)
        })*
    };
}

defaults! {
    default_null: "stat -c %t:%T /dev/null; echo x >/dev/null; cat /dev/null" shows "1:3";
    default_zero: "stat -c %t:%T /dev/zero; head -c 4 /dev/zero | od -An -tx1"
        shows "1:5 00 00 00 00";
    default_full: "stat -c %t:%T /dev/full; (echo x >/dev/full) 2>/dev/null || echo no"
        shows "1:7 no";
    default_random: "stat -c %t:%T /dev/random; head -c 4 /dev/random | wc -c" shows "1:8 4";
    default_urandom: "stat -c %t:%T /dev/urandom; head -c 4 /dev/urandom | wc -c" shows "1:9 4";
    default_tty: "stat -c %t:%T /dev/tty" shows "5:0";
    default_ptmx: "stat -Lc %t:%T /dev/ptmx; ls /dev/pts" shows "5:2 ptmx";
}

#[test]
fn default_ptmx_is_that_of_the_containers_devpts() -> Result<()> {
    let seen = output("readlink /dev/ptmx || grep ' /dev/ptmx ' /proc/mounts", |bundle| bundle)?;
    ensure!(seen.contains("pts/ptmx") || seen.contains("devpts"), "{seen}");
    Ok(())
}

#[test]
fn default_console_is_the_terminal() -> Result<()> {
    let root = Root::new()?;
    let script = "test -c /dev/console && echo to the console >/dev/console; exec sleep 1000";
    let bundle = root.shell(script)?.as_root(&[]).with("/process/terminal", true);
    let socket = ConsoleSocket::listen(root.file("console"))?;
    let container = root.create_with("c", &bundle, &["--console-socket", socket.path()?])?;
    let (mut terminal, _) = socket.receive()?;
    container.start()?;
    terminal.shows("to the console")?;
    container.kill("KILL")?;
    container.wait()?;
    Ok(())
}
