//! Fields of config.json with values that cannot be: a row for each, which is how to add one.

use crate::refused;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::Root;

/// Where in config.json, what is there, and what the complaint must name.
type Row = (&'static str, Value, &'static [&'static str]);

fn each_is_refused(rows: &[Row]) -> Result<()> {
    let root = Root::new()?;
    for (field, value, parts) in rows {
        let bundle = root.bundle(&["true"])?.with(field, value.clone());
        refused(&root, &bundle, parts).with_context(|| format!("{field}: {value}"))?;
    }
    Ok(())
}

#[test]
fn names_of_the_host_are_not_a_containers_to_change() -> Result<()> {
    let without_uts = json!([{ "type": "mount" }, { "type": "pid" }]);
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?.with("/linux/namespaces", without_uts);
    refused(&root, &bundle.with("/domainname", "pea"), &["domainname", "pea"])?;
    let without_net = json!([{ "type": "mount" }, { "type": "pid" }]);
    let bundle = root.bundle(&["true"])?.without("/hostname");
    let bundle = bundle.with("/linux/namespaces", without_net);
    let devices = json!({ "eth0": { "name": "eth1" } });
    refused(&root, &bundle.with("/linux/netDevices", devices), &["linux.netDevices"])
}

#[test]
fn what_a_process_is_scheduled_by_is_checked() -> Result<()> {
    each_is_refused(&[
        ("/process/scheduler", json!({ "policy": "SCHED_PEA" }), &["scheduler", "SCHED_PEA"]),
        ("/process/scheduler", json!({ "policy": "SCHED_OTHER", "nice": 99 }), &["scheduler"]),
        ("/process/ioPriority", json!({ "class": "IOPRIO_PEA" }), &["ioPriority", "IOPRIO_PEA"]),
        (
            "/process/ioPriority",
            json!({ "class": "IOPRIO_CLASS_BE", "priority": 9 }),
            &["ioPriority"],
        ),
        ("/linux/personality", json!({ "domain": "PEA" }), &["linux.personality", "PEA"]),
        ("/linux/rootfsPropagation", json!("pea"), &["linux.rootfsPropagation", "pea"]),
    ])
}

#[test]
fn what_the_host_does_not_have_is_refused() -> Result<()> {
    each_is_refused(&[
        ("/process/apparmorProfile", json!("pea"), &["process.apparmorProfile"]),
        ("/process/selinuxLabel", json!("a:b:c:d"), &["process.selinuxLabel"]),
        ("/linux/mountLabel", json!("a:b:c:d"), &["linux.mountLabel"]),
        ("/linux/intelRdt", json!({ "closID": "pea" }), &["linux.intelRdt"]),
    ])
}

#[test]
fn a_cgroup_that_cannot_be_is_refused() -> Result<()> {
    let root = Root::new()?;
    // A component that is a file of the hierarchy.
    let bundle = root.bundle(&["true"])?.with("/linux/cgroupsPath", "/cgroup.procs/x");
    refused(&root, &bundle, &["cgroup"])?;
    // That of another container.
    let first = root.start_container("first", &root.bundle(&["sleep", "1000"])?)?;
    let taken = format!("/peapod/{}", first.id);
    let bundle = root.bundle(&["true"])?.with("/linux/cgroupsPath", taken.as_str());
    let message = root.try_create("c", &bundle, &[])?.refused()?;
    assert!(message.contains(&taken), "{message}");
    assert_eq!(first.status()?, "running");
    first.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn a_part_given_twice_is_refused_wherever_it_is() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?;
    bundle.write()?;
    let path = bundle.path().join("config.json");
    let text = std::fs::read_to_string(&path)?;
    let twice = text.replacen("\"root\"", "\"root\": {\"path\": \"rootfs\"}, \"root\"", 1);
    std::fs::write(&path, twice)?;
    let bundle = bundle.path().to_string_lossy().into_owned();
    let message = root.run(&["create", "--bundle", &bundle, &root.id("c")])?.refused()?;
    assert!(message.contains("root: given twice"), "{message}");
    root.has_nothing_left()
}
