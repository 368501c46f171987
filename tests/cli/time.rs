//! Time namespaces.

use anyhow::{Context, Result};
use serde_json::json;
use std::path::Path;
use tests::{Bundle, Root, namespace, skipped};

/// Whether this kernel has them.
fn are_there(test: &str) -> Result<bool> {
    if Path::new("/proc/self/ns/time").exists() {
        return Ok(true);
    }
    skipped(test, "this kernel has no time namespaces")?;
    Ok(false)
}

fn with_offset(bundle: Bundle, seconds: i64) -> Bundle {
    let offset = json!({ "secs": seconds, "nanosecs": 5 });
    bundle.with_namespace("time", None).with("/linux/timeOffsets/boottime", offset)
}

fn uptime(text: &str) -> Result<f64> {
    let first = text.split_whitespace().next().context("no number")?;
    Ok(first.parse()?)
}

fn hosts_uptime() -> Result<f64> {
    uptime(&std::fs::read_to_string("/proc/uptime")?)
}

const DAY: i64 = 86_400;

#[test]
fn the_clock_of_a_container_is_moved() -> Result<()> {
    if !are_there("the_clock_of_a_container_is_moved")? {
        return Ok(());
    }
    let root = Root::new()?;
    let before = hosts_uptime()?;
    let script = "cat /proc/uptime; cat /proc/self/timens_offsets";
    let container = root.start_container("c", &with_offset(root.shell(script)?, DAY))?;
    let output = container.output()?;
    let moved = uptime(&output)? - before;
    assert!((86_399.0..86_500.0).contains(&moved), "{moved}: {output}");
    let lines: Vec<Vec<_>> = output.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1..], [vec!["monotonic", "0", "0"], vec!["boottime", "86400", "5"]]);
    container.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn it_is_moved_in_a_pod_and_beside_a_user_namespace_too() -> Result<()> {
    if !are_there("it_is_moved_in_a_pod_and_beside_a_user_namespace_too")? {
        return Ok(());
    }
    let root = Root::new()?;
    let before = hosts_uptime()?;
    let maps = ["--uid-map", "0:100000:65536", "--gid-map", "0:100000:65536"];
    for (number, options) in [
        &["--pid", "shared"][..],
        &["--pid", "nested"],
        &[&["--pid", "shared"], &maps[..]].concat(),
        &[&["--pid", "nested"], &maps[..]].concat(),
    ]
    .iter()
    .enumerate()
    {
        let sandbox = root.sandbox(&format!("pod{number}"), options)?;
        let bundle = with_offset(root.bundle(&["cat", "/proc/uptime"])?, DAY);
        let moved = uptime(&sandbox.output_of(&format!("c{number}"), &bundle)?)? - before;
        assert!((86_399.0..86_500.0).contains(&moved), "{options:?}: {moved}");
    }
    let id = json!([{ "containerID": 0, "hostID": 100_000, "size": 65536 }]);
    let bundle = with_offset(root.bundle(&["cat", "/proc/uptime"])?, DAY)
        .with_namespace("user", None)
        .with("/linux/uidMappings", id.clone())
        .with("/linux/gidMappings", id);
    let moved = uptime(&root.start_container("c", &bundle)?.output()?)? - before;
    assert!((86_399.0..86_500.0).contains(&moved), "{moved}");
    Ok(())
}

#[test]
fn one_can_be_joined() -> Result<()> {
    if !are_there("one_can_be_joined")? {
        return Ok(());
    }
    let root = Root::new()?;
    let first = root.start_container("a", &with_offset(root.bundle(&["sleep", "100"])?, DAY))?;
    let path = format!("/proc/{}/ns/time", first.pid());
    let bundle = root.bundle(&["sleep", "100"])?.with_namespace("time", Some(&path));
    let second = root.start_container("b", &bundle)?;
    assert_eq!(second.namespace("time")?, first.namespace("time")?);
    let own = i32::try_from(std::process::id())?;
    assert_ne!(second.namespace("time")?, namespace(own, "time")?);
    assert_eq!(second.namespace("time_for_children")?, first.namespace("time")?);
    Ok(())
}

#[test]
fn one_without_offsets_is_a_new_one() -> Result<()> {
    if !are_there("one_without_offsets_is_a_new_one")? {
        return Ok(());
    }
    let root = Root::new()?;
    let bundle = root.bundle(&["sleep", "100"])?.with_namespace("time", None);
    let container = root.start_container("c", &bundle)?;
    let own = i32::try_from(std::process::id())?;
    assert_ne!(container.namespace("time")?, namespace(own, "time")?);
    // What the container has for itself, this process has not got for its children.
    assert_eq!(namespace(own, "time")?, namespace(own, "time_for_children")?);
    Ok(())
}
