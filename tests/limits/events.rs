//! `peapod events` with controllers: what is counted, and processes that are killed for want of
//! memory, in a container of its own and in a pod.

use crate::has_controllers;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{Bundle, Container, Root, file_with};

/// Touches more memory than there is, when it is told to, in a child; and lives on.
const HOG: &str = "
    trap 'memory-hog 64; echo killed' USR1
    echo ready
    while :; do sleep 1000 & wait $!; done";

fn hog(root: &Root) -> Result<Bundle> {
    root.shell(HOG)?.with_program("memory-hog")
}

fn statistics(container: &Container<'_>) -> Result<Value> {
    let text = container.run(&["events", "--stats"], &[])?.ok()?;
    Ok(serde_json::from_str::<Value>(&text)?["data"].clone())
}

#[test]
fn what_is_counted_is_reported() -> Result<()> {
    if !has_controllers("what_is_counted_is_reported")? {
        return Ok(());
    }
    let root = Root::new()?;
    let limits = json!({
        "memory": { "limit": 64 << 20, "swap": 96 << 20 }, "pids": { "limit": 9 },
        "cpu": { "quota": 50_000 } });
    let script =
        "n=0; while [ $n -lt 20000 ]; do n=$((n + 1)); done; sleep 1000 & echo ready; wait";
    let bundle = root.shell(script)?.with("/linux/resources", limits);
    let container = root.start_container("c", &bundle)?;
    container.says("ready")?;
    let data = statistics(&container)?;
    assert_eq!((&data["pids"]["current"], &data["pids"]["limit"]), (&json!(2), &json!(9)));
    let memory = &data["memory"];
    assert_eq!(memory["usage"]["limit"], 64 << 20);
    assert_eq!(memory["swap"]["limit"], 96 << 20);
    let number = |value: &Value| value.as_u64().with_context(|| data.to_string());
    let usage = number(&memory["usage"]["usage"])?;
    assert!((1..64 << 20).contains(&usage), "{memory}");
    assert!(number(&memory["raw"]["anon"])? > 0, "{memory}");
    assert_eq!(memory["cache"], memory["raw"]["file"]);
    let cpu = &data["cpu"]["usage"];
    let (total, kernel, user) =
        (number(&cpu["total"])?, number(&cpu["kernel"])?, number(&cpu["user"])?);
    assert!(total > 0 && total.abs_diff(kernel + user) <= 1000, "{cpu}");
    assert!(data["cpu"]["throttling"]["periods"].is_u64(), "{data}");
    Ok(())
}

#[test]
fn a_process_that_is_killed_for_want_of_memory_is_told() -> Result<()> {
    if !has_controllers("a_process_that_is_killed_for_want_of_memory_is_told")? {
        return Ok(());
    }
    let root = Root::new()?;
    let memory = json!({ "memory": { "limit": 24 << 20, "swap": 24 << 20 } });
    let container = root.start_container("c", &hog(&root)?.with("/linux/resources", memory))?;
    container.says("ready")?;
    assert_eq!(container.state()?.get("oomKilled"), None);
    let events = container.begin(&["events", "--interval", "10ms"], &[])?;
    file_with(events.output_file(), "\n")?;
    container.kill("USR1")?;
    let line = format!("{{\"type\":\"oom\",\"id\":\"{}\"}}\n", container.id);
    file_with(events.output_file(), &line)?;
    container.says("killed")?;
    assert_eq!(container.status()?, "running");
    assert_eq!(container.state()?["oomKilled"], true);
    container.kill("KILL")?;
    let text = events.finish()?.ok()?;
    assert_eq!(text.matches("\"oom\"").count(), 1, "{text}");
    // As long as the container is not deleted.
    container.wait()?;
    assert_eq!(container.state()?["oomKilled"], true);
    container.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn in_a_pod_only_the_container_that_lost_a_process_says_so() -> Result<()> {
    if !has_controllers("in_a_pod_only_the_container_that_lost_a_process_says_so")? {
        return Ok(());
    }
    for the_pods in [true, false] {
        let root = Root::new()?;
        let pod = root.sandbox("pod", &[])?;
        let memory = json!({ "memory": { "limit": 24 << 20, "swap": 24 << 20 } });
        let limits = if the_pods { json!({}) } else { memory };
        let one = pod.start("a", &hog(&root)?.with("/linux/resources", limits))?;
        let other = pod.start("b", &root.bundle(&["sleep", "1000"])?)?;
        one.says("ready")?;
        if the_pods {
            // The limit of all; who takes too much is killed.
            pod.cgroup()?.write("memory.max", &(32 << 20).to_string())?;
        }
        let events = other.begin(&["events", "--interval", "10ms"], &[])?;
        file_with(events.output_file(), "\n")?;
        one.kill("USR1")?;
        one.says("killed")?;
        assert_eq!(one.state()?["oomKilled"], true, "{the_pods}");
        assert_eq!(other.state()?.get("oomKilled"), None, "{the_pods}");
        other.kill("KILL")?;
        assert!(!events.finish()?.ok()?.contains("\"oom\""));
        pod.stop("0")?;
        assert_eq!(one.state()?["oomKilled"], true, "{the_pods}");
    }
    Ok(())
}
