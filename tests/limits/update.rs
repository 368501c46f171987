//! `peapod update`, read back from the kernel; and what it leaves when it is refused.

use crate::has_controllers;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use tests::{Container, Output, Root, device_programs};

fn by_file(root: &Root, container: &Container<'_>, resources: &Value) -> Result<Output> {
    let path = root.file("resources.json");
    fs::write(&path, resources.to_string())?;
    container.run(&["update", "-r", path.to_str().context("its path")?], &[])
}

#[track_caller]
fn assert_files(container: &Container<'_>, expected: &[(&str, &str)]) -> Result<()> {
    let cgroup = container.cgroup()?;
    for (file, value) in expected {
        assert_eq!(cgroup.read(file)?, *value, "{file}");
    }
    Ok(())
}

#[test]
fn limits_go_up_and_down() -> Result<()> {
    if !has_controllers("limits_go_up_and_down")? {
        return Ok(());
    }
    let root = Root::new()?;
    let memory = json!({ "memory": { "limit": 64 << 20, "swap": 96 << 20 } });
    let bundle = root.bundle(&["sleep", "1000"])?.with("/linux/resources", memory);
    let container = root.start_container("c", &bundle)?;
    for (options, expected) in [
        (
            &["--memory", "128m", "--memory-swap", "128m"][..],
            &[("memory.max", "134217728"), ("memory.swap.max", "0")][..],
        ),
        (
            &["--memory", "32m", "--memory-swap", "-1"],
            &[("memory.max", "33554432"), ("memory.swap.max", "max")],
        ),
        // For both together, of which the first stays.
        (&["--memory-swap", "48m"], &[("memory.max", "33554432"), ("memory.swap.max", "16777216")]),
        (&["--memory", "-1"], &[("memory.max", "max"), ("memory.swap.max", "max")]),
        (&["--memory-reservation", "4m"], &[("memory.low", "4194304")]),
        (&["--pids-limit", "7"], &[("pids.max", "7")]),
        (&["--pids-limit=-1"], &[("pids.max", "max")]),
        (&["--cpu-share", "512"], &[("cpu.weight", "59")]),
        (&["--cpu-quota", "20000"], &[("cpu.max", "20000 100000")]),
        (&["--cpu-period", "50000"], &[("cpu.max", "20000 50000")]),
        (&["--cpu-burst", "10000"], &[("cpu.max.burst", "10000")]),
        // Each of the two orders would be refused by the kernel in one of the steps.
        (
            &["--cpu-quota", "5000", "--cpu-burst", "1000"],
            &[("cpu.max", "5000 50000"), ("cpu.max.burst", "1000")],
        ),
        (
            &["--cpu-quota", "40000", "--cpu-burst", "30000"],
            &[("cpu.max", "40000 50000"), ("cpu.max.burst", "30000")],
        ),
        (&["--cpu-burst", "0", "--cpu-quota", "-1"], &[("cpu.max", "max 50000")]),
        (&["--cpu-idle", "1"], &[("cpu.idle", "1")]),
        (&["--cpu-idle", "0", "--cpu-share", "1024"], &[("cpu.weight", "100")]),
    ] {
        container.run(&[&["update"], options].concat(), &[])?.ok()?;
        assert_files(&container, expected)?;
    }
    Ok(())
}

#[test]
fn a_member_of_a_pod_is_updated_alone() -> Result<()> {
    if !has_controllers("a_member_of_a_pod_is_updated_alone")? {
        return Ok(());
    }
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let one = pod.start("a", &root.bundle(&["sleep", "1000"])?)?;
    let other = pod.start("b", &root.bundle(&["sleep", "1000"])?)?;
    one.run(&["update", "--pids-limit", "5"], &[])?.ok()?;
    assert_files(&one, &[("pids.max", "5")])?;
    assert_files(&other, &[("pids.max", "max")])?;
    assert_eq!(pod.cgroup()?.read("pids.max")?, "max");
    Ok(())
}

#[test]
fn what_the_kernel_refuses_changes_nothing() -> Result<()> {
    if !has_controllers("what_the_kernel_refuses_changes_nothing")? {
        return Ok(());
    }
    let root = Root::new()?;
    let limits = json!({
        "memory": { "limit": 64 << 20, "swap": 64 << 20 }, "pids": { "limit": 20 },
        "cpu": { "quota": 20_000, "burst": 10_000, "shares": 512 } });
    let bundle = root.bundle(&["sleep", "1000"])?.with("/linux/resources", limits);
    let container = root.start_container("c", &bundle)?;
    let programs = device_programs(&container.cgroup()?)?;
    let before = [
        ("memory.max", "67108864"),
        ("memory.swap.max", "0"),
        ("pids.max", "20"),
        ("cpu.max", "20000 100000"),
        ("cpu.max.burst", "10000"),
        ("cpu.weight", "59"),
        ("io.max", ""),
    ];
    let disk = json!([{ "major": 98, "minor": 0, "rate": 1 << 20 }]);
    let resources = json!({
        "memory": { "limit": 32 << 20, "swap": -1 }, "pids": { "limit": 7 },
        "cpu": { "quota": 5000, "burst": 1000, "shares": 1024 },
        "blockIO": { "throttleReadBpsDevice": disk },
        "devices": [{ "allow": true, "access": "rwm" }],
        "unified": { "memory.high": "much" } });
    let message = by_file(&root, &container, &resources)?.refused()?;
    assert!(message.contains("linux.resources.unified[\"memory.high\"]"), "{message}");
    assert!(!message.contains("could not be set back"), "{message}");
    assert_files(&container, &before)?;
    assert_eq!(device_programs(&container.cgroup()?)?, programs);
    Ok(())
}

#[test]
fn a_limit_below_what_is_used_is_refused_if_it_was_said_so() -> Result<()> {
    if !has_controllers("a_limit_below_what_is_used_is_refused_if_it_was_said_so")? {
        return Ok(());
    }
    let root = Root::new()?;
    // Its pages stay in memory: there is no swap under User-Mode-Linux.
    let script = "dd if=/dev/zero of=/dev/shm/x bs=1M count=16 2>/dev/null; echo ready; sleep 1000";
    let bundle = root.shell(script)?.as_root(&[]);
    let container = root.start_container("c", &bundle)?;
    container.says("ready")?;
    let limit = json!({ "memory": { "limit": 8 << 20, "checkBeforeUpdate": true } });
    let message = by_file(&root, &container, &limit)?.refused()?;
    let expected = "linux.resources.memory.limit: 8388608: below what is used now, ";
    assert!(message.contains(expected), "{message}");
    assert_files(&container, &[("memory.max", "max")])?;
    assert_eq!(container.status()?, "running");
    Ok(())
}

#[test]
fn the_rates_of_a_disk_are_set_and_lifted() -> Result<()> {
    if !has_controllers("the_rates_of_a_disk_are_set_and_lifted")? {
        return Ok(());
    }
    let root = Root::new()?;
    let device = |rate: u64| json!([{ "major": 98, "minor": 0, "rate": rate }]);
    let io = json!({ "blockIO": {
        "throttleReadBpsDevice": device(1 << 20), "throttleWriteIOPSDevice": device(100) } });
    let bundle = root.bundle(&["sleep", "1000"])?.with("/linux/resources", io);
    let container = root.start_container("c", &bundle)?;
    assert_files(&container, &[("io.max", "98:0 rbps=1048576 wbps=max riops=max wiops=100")])?;
    let io = json!({ "blockIO": { "throttleReadBpsDevice": device(2 << 20) } });
    by_file(&root, &container, &io)?.ok()?;
    assert_files(&container, &[("io.max", "98:0 rbps=2097152 wbps=max riops=max wiops=100")])?;
    let io = json!({ "blockIO": {
        "throttleReadBpsDevice": device(0), "throttleWriteIOPSDevice": device(0) } });
    by_file(&root, &container, &io)?.ok()?;
    assert_files(&container, &[("io.max", "")])
}

#[test]
fn a_weight_goes_to_the_file_that_there_is() -> Result<()> {
    let test = "a_weight_goes_to_the_file_that_there_is";
    if !has_controllers(test)? {
        return Ok(());
    }
    let root = Root::new()?;
    let plain = root.start_container("plain", &root.bundle(&["sleep", "1000"])?)?.cgroup()?;
    let has = |file: &str| plain.path().join(file).exists();
    let bundle =
        root.bundle(&["sleep", "1000"])?.with("/linux/resources/blockIO", json!({ "weight": 500 }));
    if has("io.bfq.weight") {
        let container = root.start_container("c", &bundle)?;
        let weight = container.cgroup()?.read("io.bfq.weight")?;
        assert!(weight.trim_start_matches("default ") == "500", "{weight}");
    } else if has("io.weight") {
        let container = root.start_container("c", &bundle)?;
        assert_files(&container, &[("io.weight", "default 4950")])?;
    } else {
        let message = root.try_create("c", &bundle, &[])?.refused()?;
        assert!(message.contains("linux.resources.blockIO.weight"), "{message}");
        tests::skipped(test, "no file takes a weight here")?;
    }
    Ok(())
}

#[test]
fn a_controller_that_is_missing_is_named() -> Result<()> {
    if !has_controllers("a_controller_that_is_missing_is_named")? {
        return Ok(());
    }
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let offered = tests::Cgroup::at("")?.read("cgroup.controllers")?;
    // Neither kernel of User-Mode-Linux has it; what a cpuset does is shown nowhere.
    assert!(!offered.contains("cpuset"), "{offered}: there is a cpuset to test with");
    let message = container.run(&["update", "--cpuset-cpus", "0"], &[])?.refused()?;
    let expected = "linux.resources.cpu.cpus: needs the cgroup controller cpuset, which this host ";
    assert!(message.contains(expected), "{message}");
    Ok(())
}
