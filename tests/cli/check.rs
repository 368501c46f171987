//! `peapod check`.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{Bundle, Output, Root};

fn check(root: &Root, bundle: &Bundle, options: &[&str]) -> Result<Output> {
    bundle.write()?;
    let path = bundle.path().to_str().context("a path")?;
    root.run(&[&["check"], options, &[path]].concat())
}

fn is_of(problem: &Value, field: &str) -> bool {
    problem["field"].as_str().is_some_and(|found| found.starts_with(field))
}

#[test]
fn nothing_is_wrong_with_a_good_bundle_and_nothing_is_made_of_it() -> Result<()> {
    let root = Root::new()?;
    assert_eq!(check(&root, &root.shell("true")?, &[])?.ok()?, "");
    root.has_nothing_left()
}

#[test]
fn all_is_said_at_once_with_its_field_and_its_remedy() -> Result<()> {
    let root = Root::new()?;
    let bundle = root
        .shell("true")?
        .with("/process/cwd", "relative")
        .with("/linux/sysctl", json!({ "kernel.core_pattern": "x" }))
        .with("/linux/intelRdt", json!({ "closID": "guaranteed" }))
        .with_mount("none", "x", "/a", &[])
        .with_mount("none", "x", "/b", &[]);
    let said = check(&root, &bundle, &["--format", "json"])?;
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let problems: Vec<Value> = serde_json::from_str(&said.stdout)?;
    for field in
        ["process.cwd", "linux.sysctl", "linux.intelRdt", "mounts[/a].type", "mounts[/b].type"]
    {
        let found: Vec<_> = problems.iter().filter(|problem| is_of(problem, field)).collect();
        assert_eq!(found.len(), 1, "{field}: {problems:#?}");
        assert!(found[0]["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()));
    }
    Ok(())
}

#[test]
fn what_the_host_lacks_is_said_with_what_the_file_lacks() -> Result<()> {
    let root = Root::new()?;
    let bundle = root
        .shell("true")?
        .with_mount("bind", "/no/such/one", "/a", &[])
        .with_mount("bind", "/no/such/two", "/b", &[])
        .with("/process/capabilities/ambient", ["CAP_KILL"]);
    let said = check(&root, &bundle, &[])?;
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    for line in [
        "mounts.source: /no/such/one: no such file or directory\n    make it, or",
        "mounts.source: /no/such/two: no such file or directory\n    make it, or",
        "process.capabilities: cannot be granted: CAP_KILL\n    run peapod with them, or",
    ] {
        assert!(said.stdout.contains(line), "{line}: {}", said.stdout);
    }
    Ok(())
}

#[test]
fn what_is_no_json_is_said_with_its_place() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?;
    bundle.write()?;
    std::fs::write(bundle.path().join("config.json"), "{\n\"ociVersion\" 1}")?;
    let said = root.run(&["check", bundle.path().to_str().context("a path")?])?;
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(said.stdout.contains("line 2"), "{}", said.stdout);
    Ok(())
}
