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
    let nothing =
        || CgroupPlan { devices: Some(DeviceRules::build(&[]).unwrap()), ..CgroupPlan::default() };
    assert_eq!(CgroupPlan::build(None).unwrap(), nothing());
    assert_eq!(build(json!({})).unwrap(), nothing());
    let unset = json!({ "memory": { "limit": 0, "swap": 0, "reservation": 0 },
        "cpu": { "shares": 0, "quota": 0, "period": 0 } });
    assert_eq!(build(unset).unwrap(), nothing());
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
    for (limit, swap, expected) in
        [(100, 100, Missing::Ignore), (100, -1, Missing::Ignore), (100, 101, Missing::Refuse)]
    {
        let plan = build(json!({ "memory": { "limit": limit, "swap": swap } })).unwrap();
        let wanted = plan.late.iter().map(|write| &write.if_missing).collect::<Vec<_>>();
        assert_eq!(wanted, [&expected, &Missing::Refuse], "{swap}");
    }
}

#[test]
fn a_set_of_processors_is_a_list_and_an_empty_one_inherits() {
    // No machine that the tests run on has the controller cpuset: this is all there is to show.
    assert_writes(
        json!({ "cpu": { "cpus": "0-3,7", "mems": "0" } }),
        &["cpuset.cpus = 0-3,7", "cpuset.mems = 0"],
        &[],
    );
    assert_writes(json!({ "cpu": { "cpus": "", "mems": "" } }), &[], &[]);
    let plan = build(json!({ "cpu": { "mems": "0" } })).unwrap();
    let expected = Controller { name: "cpuset", field: "linux.resources.cpu.mems".to_owned() };
    assert_eq!(plan.controllers, [expected]);
    for list in ["x", "3-1", "1-", "-1", "0,,1", "0 1", "4294967296"] {
        let line = format!(
            "linux.resources.cpu.cpus: {list:?}: not a list of numbers and ranges, such as 0-3,7"
        );
        assert_refused(json!({ "cpu": { "cpus": list } }), &line);
    }
}

#[test]
fn huge_pages_are_limited_in_use_and_in_reserve() {
    assert_writes(
        json!({ "hugepageLimits": [
            { "pageSize": "2MB", "limit": 4_194_304 }, { "pageSize": "1GB", "limit": 0 }] }),
        &[
            "hugetlb.2MB.max = 4194304",
            "hugetlb.2MB.rsvd.max = 4194304",
            "hugetlb.1GB.max = 0",
            "hugetlb.1GB.rsvd.max = 0",
        ],
        &[],
    );
    for (size, limit, line) in [
        ("2M", 1, "hugepageLimits.pageSize: \"2M\": not a size such as 64KB, 2MB or 1GB"),
        ("../2MB", 1, "hugepageLimits.pageSize: \"../2MB\": not a size such as 64KB, 2MB or 1GB"),
        ("0MB", 1, "hugepageLimits.pageSize: \"0MB\": not a size such as 64KB, 2MB or 1GB"),
        ("2MB", -1, "hugepageLimits[2MB]: -1: not a number of bytes"),
    ] {
        let limits = json!({ "hugepageLimits": [{ "pageSize": size, "limit": limit }] });
        assert_refused(limits, &format!("linux.resources.{line}"));
    }
}

#[test]
fn rdma_devices_are_limited_by_handles_and_objects() {
    assert_writes(
        json!({ "rdma": {
            "mlx5_1": { "hcaHandles": 3, "hcaObjects": 10_000 }, "mlx4_0": { "hcaObjects": 7 } } }),
        &[
            "rdma.max = mlx4_0 hca_handle=max hca_object=7",
            "rdma.max = mlx5_1 hca_handle=3 hca_object=10000",
        ],
        &[],
    );
    let line = "linux.resources.rdma[\"mlx5\"]: {}: has neither hcaHandles nor hcaObjects";
    assert_refused(json!({ "rdma": { "mlx5": {} } }), line);
    let line = "linux.resources.rdma: \"a b\": not the name of a device";
    assert_refused(json!({ "rdma": { "a b": { "hcaHandles": 1 } } }), line);
}

#[test]
fn the_weight_of_io_is_bfqs_or_is_put_on_the_other_scale() {
    let plan = build(json!({ "blockIO": {
        "weight": 500, "leafWeight": 300,
        "weightDevice": [
            { "major": 8, "minor": 16, "weight": 1000 }, { "major": 8, "minor": 0, "leafWeight": 9 },
        ],
    } }))
    .unwrap();
    let shown: Vec<_> = plan
        .early
        .iter()
        .map(|write| (write.file.as_str(), write.value.as_str(), &write.if_missing))
        .collect();
    let instead = |value: &str| Missing::Write { file: "io.weight".into(), value: value.into() };
    assert_eq!(
        shown,
        [
            ("io.bfq.weight", "500", &instead("4950")),
            ("io.bfq.weight", "8:16 1000", &instead("8:16 10000")),
        ]
    );
    assert_eq!([10, 100, 1000].map(io::on_the_scale_of_io_weight), [1, 910, 10_000]);
    assert_writes(json!({ "blockIO": { "weight": 0 } }), &[], &[]);
    for weight in [1, 9, 1001] {
        let line = format!("linux.resources.blockIO.weight: {weight}: not within 10 and 1000");
        assert_refused(json!({ "blockIO": { "weight": weight } }), &line);
    }
}

#[test]
fn rates_of_disks_are_lines_of_io_max() {
    let device = |rate: u64| json!([{ "major": 98, "minor": 0, "rate": rate }]);
    assert_writes(
        json!({ "blockIO": {
            "throttleReadBpsDevice": device(1), "throttleWriteBpsDevice": device(2),
            "throttleReadIOPSDevice": device(3), "throttleWriteIOPSDevice": device(0),
        } }),
        &[
            "io.max = 98:0 rbps=1",
            "io.max = 98:0 wbps=2",
            "io.max = 98:0 riops=3",
            "io.max = 98:0 wiops=max",
        ],
        &[],
    );
    let line =
        "linux.resources.blockIO.throttleReadBpsDevice.major: -1: not the number of a device";
    let wrong = json!([{ "major": -1, "minor": 0, "rate": 1 }]);
    assert_refused(json!({ "blockIO": { "throttleReadBpsDevice": wrong } }), line);
}

/// What an update writes into a group with these files.
fn update(files: &[(&str, &str)], resources: Value) -> Result<Vec<String>> {
    let find = |file: &str| {
        let found = files.iter().find(|(name, _)| *name == file);
        Ok(found.map(|(_, text)| (*text).to_owned()))
    };
    let resources: LinuxResources = serde_json::from_value(resources).unwrap();
    let plan = CgroupPlan::update(&resources, &Current::read(find).unwrap())?;
    let writes = plan.early.iter().chain(&plan.late);
    Ok(writes.map(|write| format!("{} = {}", write.file, write.value)).collect())
}

#[test]
fn an_update_keeps_what_it_does_not_speak_of() {
    let files = [
        ("cpu.max", "50000 200000\n"),
        ("cpu.max.burst", "1000\n"),
        ("cpu.idle", "0\n"),
        ("memory.max", "4096\n"),
        ("memory.current", "2048\n"),
    ];
    for (resources, expected) in [
        (json!({}), &[][..]),
        (json!({ "cpu": { "period": 100_000 } }), &["cpu.max = 50000 100000"]),
        (json!({ "cpu": { "quota": 7000 } }), &["cpu.max = 7000 200000"]),
        (json!({ "cpu": { "burst": 50_000 } }), &["cpu.max.burst = 50000"]),
        (json!({ "cpu": { "shares": 2 } }), &["cpu.weight = 1"]),
        (json!({ "memory": { "swap": 8192 } }), &["memory.swap.max = 4096"]),
        (json!({ "memory": { "limit": 8192 } }), &["memory.max = 8192"]),
        (json!({ "memory": { "reservation": 1 } }), &["memory.low = 1"]),
        (
            json!({ "memory": { "limit": 8192, "swap": 8192 } }),
            &["memory.swap.max = 0", "memory.max = 8192"],
        ),
        (json!({ "memory": { "limit": 2048, "checkBeforeUpdate": true } }), &["memory.max = 2048"]),
        (json!({ "devices": [] }), &[]),
    ] {
        assert_eq!(update(&files, resources.clone()).unwrap(), expected, "{resources}");
    }
}

#[test]
fn an_update_that_cannot_be_is_refused_before_anything_is_written() {
    let files = [
        ("cpu.max", "50000 100000\n"),
        ("cpu.max.burst", "8000\n"),
        ("cpu.idle", "1\n"),
        ("memory.max", "max\n"),
        ("memory.current", "2049\n"),
    ];
    for (resources, line) in [
        (
            json!({ "cpu": { "shares": 2 } }),
            "cpu.shares: 2: an idle cgroup (linux.resources.cpu.idle) has no weight",
        ),
        (
            json!({ "cpu": { "quota": 7000 } }),
            "cpu.burst: 8000: above linux.resources.cpu.quota, 7000",
        ),
        (
            json!({ "cpu": { "burst": 50_001 } }),
            "cpu.burst: 50001: above linux.resources.cpu.quota, 50000",
        ),
        (
            json!({ "memory": { "swap": 1 } }),
            "memory.swap: 1: unable to set swap limit without memory limit",
        ),
        (
            json!({ "memory": { "limit": 2048, "checkBeforeUpdate": true } }),
            "memory.limit: 2048: below what is used now, 2049",
        ),
    ] {
        let error = update(&files, resources).unwrap_err();
        assert_eq!(error.to_string(), format!("linux.resources.{line}"));
    }
    assert!(update(&files, json!({ "cpu": { "shares": 2, "idle": 0 } })).is_ok());
}

#[test]
fn an_update_without_rules_leaves_the_devices_alone() {
    let plan = |resources: Value| {
        let resources: LinuxResources = serde_json::from_value(resources).unwrap();
        CgroupPlan::update(&resources, &Current::default()).unwrap()
    };
    assert_eq!(plan(json!({})).devices, None);
    assert_eq!(plan(json!({ "devices": [] })).devices, None);
    let all = plan(json!({ "devices": [{ "allow": true, "access": "rwm" }] })).devices.unwrap();
    assert!(all.allows_all());
}
