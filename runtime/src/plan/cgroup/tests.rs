//! The conversions of config-linux.md's v1 language into the files of v2.

use super::*;
use serde_json::{Value, json};

fn build(resources: Value) -> Result<CgroupPlan> {
    let resources: LinuxResources = serde_json::from_value(resources).unwrap();
    CgroupPlan::build(Some(&resources))
}

/// The files and values of a plan: early ones, then late ones.
#[track_caller]
fn assert_writes(resources: Value, early: &[&str], late: &[&str]) {
    let plan = build(resources).unwrap();
    let shown = |writes: &[Write]| -> Vec<String> {
        writes.iter().map(|write| format!("{} = {}", write.file, write.value)).collect()
    };
    assert_eq!((shown(&plan.early), shown(&plan.late)), (owned(early), owned(late)));
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[track_caller]
fn assert_refused(resources: Value, line: &str) {
    assert_eq!(build(resources).unwrap_err().to_string(), line);
}

#[test]
fn without_resources_nothing_is_written() {
    assert_eq!(CgroupPlan::build(None).unwrap(), CgroupPlan::default());
    assert_eq!(build(json!({})).unwrap(), CgroupPlan::default());
    let unset = json!({ "memory": { "limit": 0, "swap": 0, "reservation": 0 },
        "cpu": { "shares": 0, "quota": 0, "period": 0 } });
    assert_eq!(build(unset).unwrap(), CgroupPlan::default());
}

#[test]
fn shares_become_a_weight() {
    for (shares, expected) in [
        (1, 1),
        (2, 1),
        (3, 2),
        (256, 35),
        (512, 59),
        (1024, 100),
        (2048, 174),
        (262_143, 10_000),
        (262_144, 10_000),
        (u64::MAX, 10_000),
    ] {
        assert_eq!(weight(shares), expected, "{shares}");
    }
}

#[test]
fn more_shares_never_weigh_less() {
    let mut last = 1;
    for shares in 0..=262_200 {
        let weight = weight(shares);
        assert!((last..=10_000).contains(&weight), "{shares}");
        last = weight;
    }
}

#[test]
fn cpu_limits_come_in_the_order_that_the_kernel_accepts() {
    assert_writes(
        json!({ "cpu": {
            "shares": 1024, "quota": 50_000, "period": 20_000, "burst": 1000, "idle": 0,
        } }),
        &["cpu.idle = 0", "cpu.weight = 100", "cpu.max.burst = 1000", "cpu.max = 50000 20000"],
        &[],
    );
    assert_writes(json!({ "cpu": { "quota": 50_000 } }), &["cpu.max = 50000 100000"], &[]);
    assert_writes(json!({ "cpu": { "quota": -1 } }), &["cpu.max = max 100000"], &[]);
    assert_writes(json!({ "cpu": { "period": 50_000 } }), &["cpu.max = max 50000"], &[]);
    assert_writes(
        json!({ "cpu": { "quota": 0, "period": 50_000 } }),
        &["cpu.max = max 50000"],
        &[],
    );
}

#[test]
fn impossible_cpu_limits_are_refused() {
    for (cpu, line) in [
        (json!({ "idle": 2 }), "idle: 2: neither 0 nor 1"),
        (
            json!({ "idle": 1, "shares": 5 }),
            "shares: 5: an idle cgroup (linux.resources.cpu.idle) has no weight",
        ),
        (json!({ "quota": -2 }), "quota: -2: neither a limit nor -1, which is unlimited"),
        (json!({ "quota": 999 }), "quota: 999: less than 1000 microseconds"),
        (json!({ "period": 999 }), "period: 999: not within 1000 and 1000000 microseconds"),
        (
            json!({ "period": 1_000_001 }),
            "period: 1000001: not within 1000 and 1000000 microseconds",
        ),
        (
            json!({ "quota": 1000, "burst": 1001 }),
            "burst: 1001: above linux.resources.cpu.quota, 1000",
        ),
    ] {
        assert_refused(json!({ "cpu": cpu }), &format!("linux.resources.cpu.{line}"));
    }
}

#[test]
fn swap_is_what_is_above_the_memory() {
    for (limit, swap, expected) in [
        (100, 300, &["memory.swap.max = 200", "memory.max = 100"][..]),
        (100, 100, &["memory.swap.max = 0", "memory.max = 100"]),
        (100, -1, &["memory.swap.max = max", "memory.max = 100"]),
        (100, 0, &["memory.max = 100"]),
        (-1, 0, &["memory.swap.max = max", "memory.max = max"]),
        (-1, 300, &["memory.swap.max = 300", "memory.max = max"]),
        (-1, -1, &["memory.swap.max = max", "memory.max = max"]),
        (0, -1, &["memory.swap.max = max"]),
    ] {
        assert_writes(json!({ "memory": { "limit": limit, "swap": swap } }), &[], expected);
    }
    assert_refused(
        json!({ "memory": { "swap": 300 } }),
        "linux.resources.memory.swap: 300: unable to set swap limit without memory limit",
    );
    assert_refused(
        json!({ "memory": { "limit": 300, "swap": 100 } }),
        "linux.resources.memory.swap: 100: below linux.resources.memory.limit, 300",
    );
}

#[test]
fn memory_and_swap_add_up_for_every_pair() {
    for memory in 1..60_u64 {
        for both in 1..60_u64 {
            let swap = swap(Some(Limit::At(memory)), Some(Limit::At(both)));
            assert_eq!(swap.is_ok(), both >= memory);
            if let Ok(swap) = swap {
                assert_eq!(swap, Some(Limit::At(both - memory)));
            }
        }
    }
}

#[test]
fn memory_limits_are_numbers_or_unlimited() {
    assert_writes(json!({ "memory": { "reservation": 4096 } }), &["memory.low = 4096"], &[]);
    assert_writes(json!({ "memory": { "reservation": -1 } }), &["memory.low = max"], &[]);
    for field in ["limit", "swap", "reservation"] {
        let line = format!(
            "linux.resources.memory.{field}: -2: neither a limit nor -1, which is unlimited"
        );
        assert_refused(json!({ "memory": { field: -2 } }), &line);
    }
}

#[test]
fn a_limit_of_no_processes_leaves_one() {
    for (limit, value) in [(5, "5"), (0, "1"), (-1, "max"), (-7, "max")] {
        let expected = format!("pids.max = {value}");
        assert_writes(json!({ "pids": { "limit": limit } }), &[], &[&expected]);
    }
}

#[test]
fn a_file_by_its_name_replaces_what_another_field_wants_in_it() {
    assert_writes(
        json!({
            "memory": { "limit": 4096, "reservation": 1 },
            "unified": {
                "memory.max": "8192\n",
                "memory.low": "2",
                "io.max": "8:0 rbps=1\n8:16 wbps=2\n",
                "hugetlb.2MB.max": "0",
            },
        }),
        &["hugetlb.2MB.max = 0", "io.max = 8:0 rbps=1", "io.max = 8:16 wbps=2", "memory.low = 2"],
        &["memory.max = 8192"],
    );
}

#[test]
fn a_file_that_is_not_a_limit_is_refused() {
    for (file, value, reason) in [
        ("../x", "1", "not the name of a file of cgroup v2"),
        ("a/memory.max", "1", "not the name of a file of cgroup v2"),
        ("memory", "1", "not the name of a file of cgroup v2"),
        (".memory.max", "1", "not the name of a file of cgroup v2"),
        ("", "1", "not the name of a file of cgroup v2"),
        ("cgroup.procs", "1", "files of the cgroup itself may not be written"),
        ("cgroup.freeze", "1", "files of the cgroup itself may not be written"),
        ("foo.bar", "1", "does not begin with the name of a controller"),
        ("memory.max", "", "empty"),
        ("memory.max", " \n", "empty"),
        ("memory.max", "\0", "contains a NUL byte"),
    ] {
        let line = format!("linux.resources.unified[{file:?}]: {value:?}: {reason}");
        assert_refused(json!({ "unified": { file: value } }), &line);
    }
}

#[test]
fn each_controller_is_asked_for_once_by_the_first_field_that_needs_it() {
    let plan = build(json!({
        "memory": { "limit": 4096, "reservation": 1 },
        "pids": { "limit": 1 },
        "unified": { "io.weight": "5", "memory.high": "1" },
    }))
    .unwrap();
    let asked: Vec<_> = plan.controllers.iter().map(|c| (c.name, c.field.as_str())).collect();
    assert_eq!(
        asked,
        [
            ("memory", "linux.resources.memory.limit"),
            ("pids", "linux.resources.pids.limit"),
            ("io", "linux.resources.unified[\"io.weight\"]"),
        ]
    );
}

#[test]
fn only_no_swap_and_all_swap_can_do_without_their_file() {
    for (file, value, expected) in [
        ("memory.swap.max", "0", true),
        ("memory.swap.max", "max", true),
        ("memory.swap.max", "1", false),
        ("memory.max", "max", false),
    ] {
        let write = Write { file: file.into(), value: value.into(), field: String::new() };
        assert_eq!(write.may_be_missing(), expected, "{file} = {value}");
    }
}
