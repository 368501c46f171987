//! config-linux.md, "Memory" to "Unified": what the files of the cgroup say. Which of these can be
//! shown depends on the controllers that the kernel has: `scripts/conformance.sh` runs them under
//! User-Mode-Linux too.

use crate::refuses;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::fs;
use tests::{Bundle, Root};

/// Whether cgroups can have that controller here.
fn has(controller: &str) -> bool {
    let text = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers");
    text.unwrap_or_default().split_whitespace().any(|name| name == controller)
}

/// Makes sure of the contents of a file in the cgroup of a container with these resources.
fn writes(resources: &Value, file: &str, expected: &str) -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("exec sleep 1000")?.with("/linux/resources", resources.clone());
    let container = root.start_container("c", &bundle)?;
    let seen = container.cgroup()?.read(file)?;
    ensure!(seen.trim() == expected, "{resources}: {file} is {seen:?}");
    Ok(())
}

/// A test for each field: its file and what that says then.
macro_rules! fields {
    ($($name:ident: $controller:literal $resources:tt => $file:literal, $expected:expr;)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            if !has($controller) {
                let test = concat!("config_linux::resources::", stringify!($name));
                return tests::skipped(test, concat!("no controller ", $controller));
            }
            writes(&json!($resources), $file, $expected)
        })*
    };
}

fields! {
    memory_limit: "memory" { "memory": { "limit": 67_108_864 } } => "memory.max", "67108864";
    memory_limit_of_minus_one:
        "memory" { "memory": { "limit": -1 } } => "memory.max", "max";
    memory_reservation:
        "memory" { "memory": { "reservation": 33_554_432 } } => "memory.low", "33554432";
    memory_swap_includes_memory:
        "memory" { "memory": { "limit": 67_108_864, "swap": 67_108_864 } } =>
        "memory.max", "67108864";
    memory_check_before_update:
        "memory" { "memory": { "limit": 67_108_864, "checkBeforeUpdate": true } } =>
        "memory.max", "67108864";
    cpu_quota: "cpu" { "cpu": { "quota": 50_000 } } => "cpu.max", "50000 100000";
    cpu_period:
        "cpu" { "cpu": { "quota": 20_000, "period": 50_000 } } => "cpu.max", "20000 50000";
    cpu_burst:
        "cpu" { "cpu": { "quota": 20_000, "period": 50_000, "burst": 10_000 } } =>
        "cpu.max.burst", "10000";
    cpu_idle: "cpu" { "cpu": { "idle": 1 } } => "cpu.idle", "1";
    pids_limit: "pids" { "pids": { "limit": 77 } } => "pids.max", "77";
    pids_limit_of_minus_one: "pids" { "pids": { "limit": -1 } } => "pids.max", "max";
    unified_of_a_known_file:
        "pids" { "unified": { "pids.max": "55" } } => "pids.max", "55";
    unified_of_a_file_of_the_core:
        "pids" { "unified": { "cgroup.max.depth": "9" } } => "cgroup.max.depth", "9";
    hugepage_limits:
        "hugetlb" { "hugepageLimits": [{ "pageSize": "2MB", "limit": 4_194_304 }] } =>
        "hugetlb.2MB.rsvd.max", "4194304";
    unified_of_huge_pages:
        "hugetlb" { "unified": { "hugetlb.2MB.max": "4194304" } } => "hugetlb.2MB.max", "4194304";
}

#[test]
fn cpu_shares_are_a_weight() -> Result<()> {
    if !has("cpu") {
        let test = "config_linux::resources::cpu_shares_are_a_weight";
        return tests::skipped(test, "no controller cpu");
    }
    let root = Root::new()?;
    let weight = |name: &str, shares: u64| {
        let bundle = root.shell("exec sleep 1000")?;
        let bundle = bundle.with("/linux/resources", json!({ "cpu": { "shares": shares } }));
        let container = root.start_container(name, &bundle)?;
        Ok::<u64, anyhow::Error>(container.cgroup()?.read("cpu.weight")?.trim().parse()?)
    };
    let (few, default, many) = (weight("a", 2)?, weight("b", 1024)?, weight("c", 262_144)?);
    ensure!(few < default && default < many, "{few} {default} {many}");
    Ok(())
}

#[test]
fn pids_limit_of_zero_is_a_limit() -> Result<()> {
    if !has("pids") {
        let test = "config_linux::resources::pids_limit_of_zero_is_a_limit";
        return tests::skipped(test, "no controller pids");
    }
    let root = Root::new()?;
    let bundle = root.shell("exec sleep 1000")?;
    let bundle = bundle.with("/linux/resources", json!({ "pids": { "limit": 0 } }));
    let container = root.start_container("c", &bundle)?;
    let seen = container.cgroup()?.read("pids.max")?;
    ensure!(seen.trim() == "0" || seen.trim() == "1", "{seen}");
    Ok(())
}

/// A refusal for each value that cannot be done.
macro_rules! refused {
    ($($name:ident: $resources:tt;)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            refuses(|bundle: Bundle| bundle.with("/linux/resources", json!($resources)))
        })*
    };
}

refused! {
    unified_of_a_controller_that_is_none_is_an_error: { "unified": { "nonsense.max": "1" } };
    unified_of_a_file_that_is_none_is_an_error: { "unified": { "cgroup.nonsense": "1" } };
    unified_of_a_path_is_an_error: { "unified": { "../cgroup.procs": "1" } };
    unified_of_a_value_that_is_none_is_an_error: { "unified": { "cgroup.max.depth": "x" } };
    hugepage_size_that_is_none_is_an_error:
        { "hugepageLimits": [{ "pageSize": "3MB", "limit": 4_194_304 }] };
    hugepage_limit_is_required: { "hugepageLimits": [{ "pageSize": "2MB" }] };
    memory_limit_as_a_text_is_an_error: { "memory": { "limit": "64M" } };
    memory_limit_below_minus_one_is_an_error: { "memory": { "limit": -2 } };
    cpu_shares_below_zero_are_an_error: { "cpu": { "shares": -1 } };
    cpu_burst_above_the_quota_is_an_error:
        { "cpu": { "quota": 20_000, "period": 50_000, "burst": 90_000 } };
    rdma_without_a_number_is_an_error: { "rdma": { "mlx5_1": {} } };
    a_controller_that_is_not_there_is_an_error: { "rdma": { "mlx5_1": { "hcaHandles": 3 } } };
}
