//! `peapod list`.

use anyhow::Result;
use serde_json::Value;
use std::fs;
use tests::Root;

#[test]
fn an_empty_list_is_a_header() -> Result<()> {
    let root = Root::new()?;
    assert_eq!(words(&root.run(&["list"])?.ok()?), [HEADER]);
    assert_eq!(root.run(&["list", "--quiet"])?.ok()?, "");
    let json: Value = serde_json::from_str(&root.run(&["list", "--format", "json"])?.ok()?)?;
    assert_eq!(json, Value::Array(Vec::new()));
    Ok(())
}

#[test]
fn each_container_has_a_row() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["sleep", "1000"])?;
    let created = root.create("b", &bundle)?;
    let running = root.start_container("a", &bundle)?;
    let text = root.run(&["list"])?.ok()?;
    let rows = words(&text);
    let path = bundle.path().to_string_lossy().into_owned();
    let row = |id: &str, pid: i32, status: &str| {
        [id, &pid.to_string(), status, &path].map(str::to_owned).to_vec()
    };
    assert_eq!(rows[0], HEADER);
    assert_eq!(rows[1][..4], row(&running.id, running.pid(), "running"));
    assert_eq!(rows[2][..4], row(&created.id, created.pid(), "created"));
    assert_eq!(rows[1][5], "root");
    assert_eq!(rows.len(), 3);
    Ok(())
}

#[test]
fn as_json_it_is_a_list_of_states() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    let json: Value = serde_json::from_str(&root.run(&["list", "-f", "json"])?.ok()?)?;
    assert_eq!(json, Value::Array(vec![container.state()?]));
    Ok(())
}

#[test]
fn quietly_it_is_a_list_of_ids() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    assert_eq!(root.run(&["list", "-q"])?.ok()?, format!("{}\n", container.id));
    Ok(())
}

#[test]
fn one_that_cannot_be_read_does_not_hide_the_others() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?;
    let corrupt = root.create("a", &bundle)?;
    let healthy = root.create("b", &bundle)?;
    fs::write(root.state().join(&corrupt.id).join("state.json"), "{")?;
    let text = root.run(&["list"])?.ok()?;
    let rows = words(&text);
    assert_eq!(rows[1][..3], [&corrupt.id, "-", "corrupt"]);
    assert_eq!(rows[2][..3], [&healthy.id, &healthy.pid().to_string(), "created"]);
    let json: Value = serde_json::from_str(&root.run(&["list", "-f", "json"])?.ok()?)?;
    assert_eq!(json, Value::Array(vec![healthy.state()?]));
    Ok(())
}

#[test]
fn sandboxes_have_a_list_of_their_own() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let member = pod.create("c", &root.bundle(&["true"])?)?;
    assert_eq!(root.run(&["list", "-q"])?.ok()?, format!("{}\n", member.id));
    Ok(())
}

const HEADER: [&str; 6] = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"];

fn words(table: &str) -> Vec<Vec<&str>> {
    table.lines().map(|line| line.split_whitespace().collect()).collect()
}
