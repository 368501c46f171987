//! Cgroups that are not a container's, and limits that are none.

use crate::refused;
use anyhow::Result;
use serde_json::json;
use std::fs;
use tests::Root;

#[test]
fn a_path_that_leads_elsewhere_is_refused() -> Result<()> {
    let root = Root::new()?;
    let long = format!("/{}", "x".repeat(256));
    for path in ["/../x", "/a/../../x", "..", "/", ".", "/a\nb", &long] {
        let bundle = root.bundle(&["true"])?.with("/linux/cgroupsPath", path);
        refused(&root, &bundle, &["linux.cgroupsPath"])?;
    }
    Ok(())
}

#[test]
fn files_that_are_not_a_controllers_are_not_written() -> Result<()> {
    let root = Root::new()?;
    for (file, value) in [
        // Would pull the host's first process into the container's group.
        ("cgroup.procs", "1"),
        ("cgroup.kill", "1"),
        ("../memory.max", "1"),
        ("memory.max/../cgroup.procs", "1"),
        ("nothing.max", "1"),
        ("memory", "1"),
        ("", "1"),
    ] {
        let unified = json!({ file: value });
        let bundle = root.bundle(&["true"])?.with("/linux/resources/unified", unified);
        refused(&root, &bundle, &["linux.resources.unified", file])?;
    }
    let first = fs::read_to_string("/proc/1/cgroup")?;
    assert!(!first.contains(&root.id("")), "{first}");
    Ok(())
}

#[test]
fn limits_that_are_none_are_refused() -> Result<()> {
    let root = Root::new()?;
    for (field, value) in [
        ("memory/limit", json!(-2)),
        ("memory/swap", json!(1 << 20)),
        ("cpu/period", json!(1)),
        ("cpu/period", json!(2_000_000)),
        ("cpu/quota", json!(10)),
        ("cpu/idle", json!(2)),
        ("cpu/cpus", json!("1-")),
        ("cpu/mems", json!("all")),
        ("blockIO/weight", json!(5)),
        ("pids/limit", json!("many")),
    ] {
        let field = format!("/linux/resources/{field}");
        let bundle = root.bundle(&["true"])?.with(&field, value.clone());
        let name = field.trim_start_matches('/').replace('/', ".");
        let value = value.to_string();
        refused(&root, &bundle, &[&name, value.trim_matches('"')])?;
    }
    Ok(())
}

#[test]
fn a_frozen_group_takes_no_container() -> Result<()> {
    let root = Root::new()?;
    let above = root.make_cgroup("above")?;
    above.freeze()?;
    let path = format!("/{}/c", root.id("above"));
    let bundle = root.bundle(&["true"])?.with("/linux/cgroupsPath", path.as_str());
    let message = root.try_create("c", &bundle, &[])?.refused()?;
    assert!(message.contains("container's cgroup unexpectedly frozen"), "{message}");
    fs::remove_dir(above.path())?;
    root.has_nothing_left()
}
