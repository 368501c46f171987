//! `peapod ps`.

use anyhow::{Context, Result};
use serde_json::json;
use tests::Root;

#[test]
fn as_json_the_processes_are_their_numbers() -> Result<()> {
    let root = Root::new()?;
    let script = "sleep 1000 & sleep 1000 & echo ready; wait";
    let container = root.start_container("c", &root.shell(script)?)?;
    container.says("ready")?;
    let listed = |container: &tests::Container<'_>| -> Result<serde_json::Value> {
        Ok(serde_json::from_str(&container.run(&["ps", "--format", "json"], &[])?.ok()?)?)
    };
    let mut expected = container.cgroup()?.processes()?;
    expected.sort_unstable();
    assert_eq!(expected.len(), 3);
    assert_eq!(listed(&container)?, json!(expected));
    container.kill("KILL")?;
    assert!(container.process.ends_within(tests::DEADLINE)?);
    container.stop("0")?;
    assert_eq!(listed(&container)?, json!([]));
    Ok(())
}

#[test]
fn as_a_table_they_are_what_ps_says_of_them() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1234"])?)?;
    let text = container.run(&["ps"], &[])?.ok()?;
    let [heading, line] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert!(heading.starts_with("UID") && heading.contains("PID"), "{heading}");
    assert!(line.contains(&container.pid().to_string()) && line.ends_with("sleep 1234"), "{line}");
    let text = container.run(&["ps"], &["-e", "-o", "comm,pid"])?.ok()?;
    let line = text.lines().nth(1).context("no second line")?;
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words, ["sleep", &container.pid().to_string()]);
    let message = container.run(&["ps"], &["-e", "-o", "comm"])?.refused()?;
    assert!(message.contains("no column PID"), "{message}");
    Ok(())
}

#[test]
fn of_a_pod_only_the_containers_own_are_listed() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let one = pod.start("a", &root.bundle(&["sleep", "1000"])?)?;
    let _other = pod.start("b", &root.bundle(&["sleep", "1000"])?)?;
    let text = one.run(&["ps", "-f", "json"], &[])?.ok()?;
    assert_eq!(serde_json::from_str::<Vec<i32>>(&text)?, [one.pid()]);
    let message = root.run(&["ps", "nobody"])?.refused()?;
    assert!(message.contains("container nobody does not exist"), "{message}");
    Ok(())
}
