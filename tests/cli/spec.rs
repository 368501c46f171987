//! `spec`: a config.json to begin with; and the version.

use anyhow::Result;
use serde_json::{Value, json};
use std::fs;
use tests::Root;

#[test]
fn what_it_writes_can_be_run() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?;
    let path = bundle.path().to_str().unwrap();
    root.run(&["spec", "--bundle", path])?.ok()?;
    let file = bundle.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&file)?)?;
    // Here is no terminal.
    config["process"]["terminal"] = json!(false);
    config["process"]["args"] = json!(["sh", "-c", "id -u; hostname; touch /x || echo read-only"]);
    fs::write(&file, config.to_string())?;
    let output = root.run(&["run", "--bundle", path, &root.id("c")])?;
    assert!(output.stdout.contains("0\npeapod\nread-only\n"), "{output:?}");
    root.has_nothing_left()
}

#[test]
fn the_rootless_one_can_be_run() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?;
    let path = bundle.path().to_str().unwrap();
    root.run(&["spec", "--rootless", "--bundle", path])?.ok()?;
    let file = bundle.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&file)?)?;
    config["process"]["terminal"] = json!(false);
    config["process"]["args"] = json!(["cat", "/proc/self/uid_map"]);
    fs::write(&file, config.to_string())?;
    let output = root.run(&["run", "--bundle", path, &root.id("c")])?;
    let map: Vec<_> = output.stdout.split_whitespace().collect();
    assert_eq!(map, ["0", "0", "1"], "{output:?}");
    root.has_nothing_left()
}

#[test]
fn it_overwrites_nothing() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?;
    bundle.write()?;
    let before = fs::read(bundle.path().join("config.json"))?;
    let message = root.run(&["spec", "-b", bundle.path().to_str().unwrap()])?.refused()?;
    assert!(message.contains("config.json exists. Remove it first"), "{message}");
    assert!(fs::read(bundle.path().join("config.json"))? == before);
    Ok(())
}

#[test]
fn the_version_is_in_the_form_that_callers_of_runc_parse() -> Result<()> {
    let root = Root::new()?;
    let text = root.run(&["--version"])?.ok()?;
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("peapod version "), "{text}");
    assert!(lines[1].starts_with("commit: "), "{text}");
    assert_eq!(lines[2], "spec: 1.3.0");
    Ok(())
}
