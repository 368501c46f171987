//! Cgroups that systemd makes, where systemd is PID 1: `scripts/vm.sh --systemd`.

use anyhow::{Context, Result};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;
use tests::{Container, Root, file_with, skipped};

fn has_systemd(test: &str) -> Result<bool> {
    if Path::new("/run/systemd/system").is_dir() {
        return Ok(true);
    }
    skipped(test, "systemd is not PID 1 here")?;
    Ok(false)
}

fn systemctl(args: &[&str]) -> Result<String> {
    let output = Command::new("systemctl").args(args).output()?;
    Ok(String::from_utf8(output.stdout)?)
}

/// The properties of a unit, a line each, in the order of their names.
fn show(unit: &str, names: &[&str]) -> Result<String> {
    let options = names.iter().flat_map(|name| ["-p", name]);
    let args: Vec<_> = ["show", unit].into_iter().chain(options).collect();
    let text = systemctl(&args)?;
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    Ok(lines.join("\n"))
}

fn scope(container: &Container<'_>) -> String {
    format!("peapod-{}.scope", container.id)
}

fn root() -> Result<Root> {
    Ok(Root::new()?.with_globals(&["--systemd-cgroup"]))
}

#[test]
fn limits_are_in_the_files_and_known_to_systemd() -> Result<()> {
    if !has_systemd("limits_are_in_the_files_and_known_to_systemd")? {
        return Ok(());
    }
    let root = root()?;
    let bundle = root.bundle(&["sleep", "1000"])?.with(
        "/linux/resources",
        json!({
            "memory": { "limit": 64 << 20, "reservation": 16 << 20 }, "pids": { "limit": 50 },
            "cpu": { "shares": 512, "quota": 20000, "period": 50000 },
            "unified": { "memory.high": "50331648" },
        }),
    );
    let container = root.start_container("c", &bundle)?;
    let (cgroup, unit) = (container.cgroup()?, scope(&container));
    assert!(cgroup.path().ends_with(format!("system.slice/{unit}")), "{cgroup:?}");
    let is_limited = |limit: &str| -> Result<()> {
        for (file, value) in [
            ("memory.max", limit),
            ("memory.low", "16777216"),
            ("memory.high", "50331648"),
            ("pids.max", "50"),
            ("cpu.weight", "59"),
            ("cpu.max", "20000 50000"),
        ] {
            assert_eq!(cgroup.read(file)?, value, "{file}");
        }
        Ok(())
    };
    is_limited("67108864")?;
    let names = ["CPUQuotaPerSecUSec", "CPUWeight", "Delegate", "MemoryMax", "Slice", "TasksMax"];
    let wanted = "CPUQuotaPerSecUSec=400ms\nCPUWeight=59\nDelegate=yes\nMemoryMax=67108864\n\
                  Slice=system.slice\nTasksMax=50";
    assert_eq!(show(&unit, &names)?, wanted);
    container.run(&["update", "--memory", "100663296"], &[])?.ok()?;
    assert_eq!(show(&unit, &["MemoryMax"])?, "MemoryMax=100663296");
    // It would set back what it does not know of.
    systemctl(&["daemon-reload"])?;
    is_limited("100663296")?;
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn a_slice_and_properties_are_asked_for_by_the_config() -> Result<()> {
    if !has_systemd("a_slice_and_properties_are_asked_for_by_the_config")? {
        return Ok(());
    }
    let root = root()?;
    let name = root.id("c");
    let bundle = root.bundle(&["sleep", "1000"])?;
    let bundle = bundle.with("/linux/cgroupsPath", format!("pea-pod.slice:green:{name}"));
    let bundle = bundle.with(
        "/annotations",
        json!({
            "org.systemd.property.TimeoutStopSec": "7",
            "org.systemd.property.Description": "'a pea'",
        }),
    );
    let container = root.start_container("c", &bundle)?;
    let unit = format!("green-{name}.scope");
    let path = format!("pea.slice/pea-pod.slice/{unit}");
    assert!(container.cgroup()?.path().ends_with(path));
    let wanted = "Description=a pea\nTimeoutStopUSec=7s";
    assert_eq!(show(&unit, &["Description", "TimeoutStopUSec"])?, wanted);
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn a_container_that_was_deleted_leaves_no_unit() -> Result<()> {
    if !has_systemd("a_container_that_was_deleted_leaves_no_unit")? {
        return Ok(());
    }
    let root = root()?;
    let bundle = root.bundle(&["sleep", "1000"])?;
    // Of the same name each time: systemd takes its time to see that a scope has ended.
    for _ in 0..5 {
        let container = root.start_container("c", &bundle)?;
        container.delete(&["--force"])?;
        assert_eq!(show(&scope(&container), &["LoadState"])?, "LoadState=not-found");
    }
    root.has_nothing_left()
}

#[test]
fn one_that_ended_by_itself_makes_room_for_the_next() -> Result<()> {
    if !has_systemd("one_that_ended_by_itself_makes_room_for_the_next")? {
        return Ok(());
    }
    let root = root()?;
    let first = root.start_container("c", &root.bundle(&["true"])?)?;
    first.wait()?;
    first.delete(&[])?;
    let second = root.start_container("c", &root.bundle(&["true"])?)?;
    second.wait()?;
    second.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn the_unit_of_somebody_else_is_left_alone() -> Result<()> {
    if !has_systemd("the_unit_of_somebody_else_is_left_alone")? {
        return Ok(());
    }
    let root = root()?;
    let unit = format!("peapod-{}.scope", root.id("c"));
    let unit = unit.as_str();
    let up = root.file("up");
    fs::write(&up, "")?;
    let mut other = Command::new("systemd-run")
        .args(["--scope", "--quiet", "--unit", unit, "sh", "-c", "echo up >$0; exec sleep 1000"])
        .arg(&up)
        .spawn()?;
    file_with(&up, "up")?;
    let message = root.try_create("c", &root.bundle(&["true"])?, &[])?.refused()?;
    assert_eq!(message, format!("systemd has a unit {unit} already"));
    assert_eq!(show(unit, &["ActiveState"])?, "ActiveState=active");
    other.kill()?;
    other.wait().context("its end")?;
    root.has_nothing_left()
}

#[test]
fn what_systemd_refuses_leaves_nothing() -> Result<()> {
    if !has_systemd("what_systemd_refuses_leaves_nothing")? {
        return Ok(());
    }
    let root = root()?;
    let bundle = root.bundle(&["true"])?;
    let bundle = bundle.with("/annotations/org.systemd.property.NoSuch", "true");
    let message = root.try_create("c", &bundle, &[])?.refused()?;
    assert!(message.contains("--systemd-cgroup") && message.contains("NoSuch"), "{message}");
    let unit = format!("peapod-{}.scope", root.id("c"));
    assert_eq!(show(&unit, &["LoadState"])?, "LoadState=not-found");
    root.has_nothing_left()
}

#[test]
fn a_device_that_is_not_allowed_cannot_be_used() -> Result<()> {
    if !has_systemd("a_device_that_is_not_allowed_cannot_be_used")? {
        return Ok(());
    }
    let root = root()?;
    let script = "mknod /dev/x c 1 11 && cat /dev/null && ! cat /dev/x 2>/dev/null && echo no";
    let bundle = root.shell(script)?.as_root(&["CAP_MKNOD"]);
    let container = root.start_container("c", &bundle)?;
    systemctl(&["daemon-reload"])?;
    assert_eq!(container.output()?, "no\n");
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn without_systemd_it_is_refused() -> Result<()> {
    if Path::new("/run/systemd/system").is_dir() {
        return Ok(());
    }
    let root = root()?;
    let message = root.try_create("c", &root.bundle(&["true"])?, &[])?.refused()?;
    assert!(message.starts_with("--systemd-cgroup: systemd is not running here"), "{message}");
    let path = root.bundle(&["true"])?.with("/linux/cgroupsPath", "/a/b");
    let message = root.try_create("c", &path, &[])?.refused()?;
    assert!(message.starts_with("linux.cgroupsPath: \"/a/b\""), "{message}");
    root.has_nothing_left()
}
