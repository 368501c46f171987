//! What config.json asks for is what the kernel has.

use crate::has_controllers;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use tests::Root;

/// Creates a container with `resources`, and compares the files of its cgroup.
fn reads(test: &str, resources: Value, expected: &[(&str, &str)]) -> Result<()> {
    if has_controllers(test)? { compare(resources, expected) } else { Ok(()) }
}

fn compare(resources: Value, expected: &[(&str, &str)]) -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["sleep", "1000"])?.with("/linux/resources", resources);
    let container = root.start_container("c", &bundle)?;
    let cgroup = container.cgroup()?;
    for (file, value) in expected {
        assert_eq!(cgroup.read(file)?, *value, "{file}");
    }
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn memory_is_limited_and_swap_is_what_both_leave_for_it() -> Result<()> {
    let memory = json!({ "memory": {
        "limit": 64 << 20, "swap": 96 << 20, "reservation": 16 << 20 } });
    let expected =
        [("memory.max", "67108864"), ("memory.swap.max", "33554432"), ("memory.low", "16777216")];
    reads("memory_is_limited_and_swap_is_what_both_leave_for_it", memory, &expected)
}

#[test]
fn as_much_swap_as_memory_is_no_swap() -> Result<()> {
    let memory = json!({ "memory": { "limit": 64 << 20, "swap": 64 << 20 } });
    let expected = [("memory.max", "67108864"), ("memory.swap.max", "0")];
    reads("as_much_swap_as_memory_is_no_swap", memory, &expected)
}

#[test]
fn what_is_unlimited_says_so() -> Result<()> {
    let resources = json!({
        "memory": { "limit": -1, "swap": -1 }, "pids": { "limit": -1 }, "cpu": { "quota": -1 } });
    let expected = [
        ("memory.max", "max"),
        ("memory.swap.max", "max"),
        ("pids.max", "max"),
        ("cpu.max", "max 100000"),
    ];
    reads("what_is_unlimited_says_so", resources, &expected)
}

#[test]
fn shares_of_the_processor_become_a_weight() -> Result<()> {
    if !has_controllers("shares_of_the_processor_become_a_weight")? {
        return Ok(());
    }
    // The default of the one is the default of the other, and so are the ends of the scales.
    for (shares, weight) in [(1024, "100"), (2, "1"), (262_144, "10000")] {
        compare(json!({ "cpu": { "shares": shares } }), &[("cpu.weight", weight)])?;
    }
    Ok(())
}

#[test]
fn processor_time_is_limited() -> Result<()> {
    let cpu = json!({ "cpu": { "quota": 25_000, "period": 50_000, "burst": 10_000 } });
    let expected = [("cpu.max", "25000 50000"), ("cpu.max.burst", "10000")];
    reads("processor_time_is_limited", cpu, &expected)
}

#[test]
fn the_number_of_processes_is_limited() -> Result<()> {
    let pids = json!({ "pids": { "limit": 32 } });
    reads("the_number_of_processes_is_limited", pids, &[("pids.max", "32")])
}

#[test]
fn files_are_written_by_their_names() -> Result<()> {
    let unified = json!({ "unified": {
        "memory.high": "50331648", "cpu.weight": "42", "pids.max": "7" } });
    let expected = [("memory.high", "50331648"), ("cpu.weight", "42"), ("pids.max", "7")];
    reads("files_are_written_by_their_names", unified, &expected)
}

#[test]
fn the_rate_of_a_disk_is_limited() -> Result<()> {
    if !has_controllers("the_rate_of_a_disk_is_limited")? {
        return Ok(());
    }
    // Whichever block device there is: under User-Mode-Linux ubda, 98:0.
    let device = fs::read_dir("/sys/block")?
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("dev")).ok())
        .find(|number| !number.starts_with("7:") && !number.starts_with("1:"))
        .context("no block device: start the kernel with ubd0=FILE")?;
    let device = device.trim();
    let limit = json!({ "unified": { "io.max": format!("{device} rbps=1048576 wiops=100") } });
    let shown = format!("{device} rbps=1048576 wbps=max riops=max wiops=100");
    compare(limit, &[("io.max", &shown)])
}

#[test]
fn a_container_reads_its_own_limits() -> Result<()> {
    if !has_controllers("a_container_reads_its_own_limits")? {
        return Ok(());
    }
    let root = Root::new()?;
    let bundle =
        root.bundle(&["cat", "/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/memory.max"])?.with(
            "/linux/resources",
            json!({ "pids": { "limit": 9 }, "memory": { "limit": 1 << 26 } }),
        );
    assert_eq!(root.start_container("c", &bundle)?.output()?, "9\n67108864\n");
    Ok(())
}

#[test]
fn a_value_that_the_kernel_refuses_is_named_and_leaves_nothing() -> Result<()> {
    if !has_controllers("a_value_that_the_kernel_refuses_is_named_and_leaves_nothing")? {
        return Ok(());
    }
    let root = Root::new()?;
    for (file, value) in [("memory.high", "much"), ("cpu.weight", "0"), ("pids.nothing", "1")] {
        let unified = json!({ "unified": { file: value } });
        let bundle = root.bundle(&["true"])?.with("/linux/resources", unified);
        let message = root.try_create("c", &bundle, &[])?.refused()?;
        assert!(message.contains(file) && message.contains(value), "{message}");
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn a_member_of_a_pod_has_limits_of_its_own() -> Result<()> {
    if !has_controllers("a_member_of_a_pod_has_limits_of_its_own")? {
        return Ok(());
    }
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let limited = |limit: u32| -> Result<_> {
        Ok(root.bundle(&["sleep", "1000"])?.with("/linux/resources/pids/limit", limit))
    };
    let (a, b) = (pod.start("a", &limited(5)?)?, pod.start("b", &limited(6)?)?);
    assert_eq!(a.cgroup()?.read("pids.max")?, "5");
    assert_eq!(b.cgroup()?.read("pids.max")?, "6");
    assert_eq!(pod.cgroup()?.read("pids.max")?, "max");
    Ok(())
}
