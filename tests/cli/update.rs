//! `peapod update`, as far as a kernel without controllers can show it; the rest is in
//! `tests/limits`.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use tests::{Container, Output, Root, device_programs};

/// Updates by a file.
fn update(root: &Root, container: &Container<'_>, resources: &Value) -> Result<Output> {
    let path = root.file("resources.json");
    fs::write(&path, resources.to_string())?;
    container.run(&["update", "-r", path.to_str().context("its path")?], &[])
}

/// Opens 1:11, `/dev/kmsg`, whenever it is asked to.
const OPENER: &str = "
    trap '(: </dev/probe) 2>/dev/null && echo opens || echo denied' USR1
    echo ready
    while :; do sleep 1000 & wait $!; done";

#[test]
fn devices_are_allowed_and_denied_while_it_runs() -> Result<()> {
    let root = Root::new()?;
    let node = json!([{ "path": "/dev/probe", "type": "c", "major": 1, "minor": 11 }]);
    let bundle = root.shell(OPENER)?.as_root(&["CAP_SYSLOG"]).with("/linux/devices", node);
    let container = root.start_container("c", &bundle)?;
    container.says("ready\n")?;
    let rule = |access: &str| {
        json!({ "devices": [
            { "allow": true, "type": "c", "major": 1, "minor": 11, "access": access }] })
    };
    let mut said = String::from("ready\n");
    for (resources, outcome) in [
        (json!({}), "denied\n"),
        (rule("rw"), "opens\n"),
        (json!({}), "opens\n"),
        (json!({ "devices": [{ "allow": true, "access": "rwm" }] }), "opens\n"),
        (rule("w"), "denied\n"),
        (json!({ "devices": [{ "allow": false, "access": "rwm" }] }), "denied\n"),
    ] {
        update(&root, &container, &resources)?.ok()?;
        container.kill("USR1")?;
        said.push_str(outcome);
        assert_eq!(container.says(&said)?, said, "{resources}");
    }
    Ok(())
}

#[test]
fn many_updates_leave_one_program() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let cgroup = container.cgroup()?;
    for number in 0..200 {
        let rule = json!({ "devices": [
            { "allow": true, "type": "b", "major": 8, "minor": number % 7, "access": "r" }] });
        update(&root, &container, &rule)?.ok()?;
        assert_eq!(device_programs(&cgroup)?.len(), 1, "after {number}");
    }
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn what_cannot_be_is_refused() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    for (options, expected) in [
        (&["--cpu-quota", "10"][..], "linux.resources.cpu.quota: 10: less than 1000 microseconds"),
        (&["--blkio-weight", "1"], "linux.resources.blockIO.weight: 1: not within 10 and 1000"),
        (&["--memory", "12x"], "not a size such as 512m: \"12x\""),
        (&["--l3-cache-schema", "x"], "--l3-cache-schema: not supported"),
        (&["--mem-bw-schema", "x"], "--mem-bw-schema: not supported"),
        (&["-r", "/nowhere"], "--resources: /nowhere: No such file or directory"),
        (&["-r", "-", "--memory", "1"], "--resources: -: not together with single limits"),
        (&["-r", "-"], "empty"),
    ] {
        let message = container.run(&[&["update"], options].concat(), &[])?.refused()?;
        assert!(message.contains(expected), "{options:?}: {message}");
    }
    let wrong = json!({ "devices": [{ "allow": true, "access": "" }] });
    let message = update(&root, &container, &wrong)?.refused()?;
    assert!(message.contains("linux.resources.devices[0].access"), "{message}");
    let pod = root.sandbox("pod", &[])?;
    let message = root.run(&["update", "--memory", "1g", &pod.id])?.refused()?;
    assert!(message.contains("is a sandbox, not a container"), "{message}");
    container.kill("KILL")?;
    container.wait()?;
    let message = container.run(&["update", "--memory", "1g"], &[])?.refused()?;
    assert!(message.contains("container not running"), "{message}");
    Ok(())
}

#[test]
fn limits_without_effect_are_accepted() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    for options in [
        &["--cpu-rt-period", "1000", "--cpu-rt-runtime", "-1"][..],
        &["--kernel-memory", "50m", "--kernel-memory-tcp", "-1"],
        &[],
    ] {
        container.run(&[&["update"], options].concat(), &[])?.ok()?;
    }
    Ok(())
}

#[test]
fn huge_pages_are_limited_at_first_and_later() -> Result<()> {
    let root = Root::new()?;
    let top = tests::Cgroup::at("")?.read("cgroup.controllers")?;
    if !top.split_whitespace().any(|name| name == "hugetlb") {
        let name = "huge_pages_are_limited_at_first_and_later";
        return tests::skipped(name, "the cgroup v2 tree has no hugetlb here");
    }
    let limit = |bytes: u64| json!({ "hugepageLimits": [{ "pageSize": "2MB", "limit": bytes }] });
    let bundle = root.bundle(&["sleep", "1000"])?.with("/linux/resources", limit(4 << 20));
    let container = root.start_container("c", &bundle)?;
    let cgroup = container.cgroup()?;
    let both = || -> Result<_> {
        Ok([cgroup.read("hugetlb.2MB.max")?, cgroup.read("hugetlb.2MB.rsvd.max")?])
    };
    assert_eq!(both()?, ["4194304", "4194304"]);
    update(&root, &container, &limit(8 << 20))?.ok()?;
    assert_eq!(both()?, ["8388608", "8388608"]);
    let text = container.run(&["events", "--stats"], &[])?.ok()?;
    let event: Value = serde_json::from_str(&text)?;
    assert_eq!(event["data"]["hugetlb"]["2MB"]["usage"], 0, "{text}");
    Ok(())
}
