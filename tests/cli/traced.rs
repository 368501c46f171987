//! `--trace`: how long each phase of a start takes.

use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use tests::Root;

#[test]
fn each_phase_of_a_run_is_an_event() -> Result<()> {
    let root = Root::new()?;
    let file = root.file("trace.json");
    let options = ["--trace", file.to_str().context("a path")?];
    let ended = root.start_run("c", &root.shell("exit 4")?, &options)?.finish()?;
    assert_eq!(ended.status.code(), Some(4), "{ended:?}");
    let trace: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
    let events = trace["traceEvents"].as_array().context("no events")?;
    let mut end = 0.0;
    for event in events {
        // Complete events, one after the other.
        assert_eq!(event["ph"], "X");
        let (start, time) = (event["ts"].as_f64(), event["dur"].as_f64());
        let (start, time) = (start.context("no ts")?, time.context("no dur")?);
        assert!(start >= end - 0.001, "{events:#?}");
        end = start + time;
    }
    let names: Vec<_> = events.iter().filter_map(|event| event["name"].as_str()).collect();
    for name in ["config.json", "plan", "cgroup", "clone", "program", "delete"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    Ok(())
}

#[test]
fn what_fails_is_traced_up_to_there() -> Result<()> {
    let root = Root::new()?;
    let file = root.file("trace.json");
    let options = ["--trace", file.to_str().context("a path")?];
    root.try_create("c", &root.bundle(&["nonesuch"])?, &options)?.refused()?;
    let trace: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
    let events = trace["traceEvents"].as_array().context("no events")?;
    let last = events.last().context("no events")?;
    assert_eq!(last["name"], "init: from clone to ready");
    root.has_nothing_left()
}
