//! `peapod events`, as far as a kernel without controllers can show it.

use anyhow::Result;
use serde_json::Value;
use tests::{Root, file_with};

#[test]
fn what_it_uses_is_a_line_of_json() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("while :; do :; done")?)?;
    let text = container.run(&["events", "--stats"], &[])?.ok()?;
    assert_eq!(text.lines().count(), 1, "{text}");
    let event: Value = serde_json::from_str(&text)?;
    assert_eq!((&event["type"], &event["id"]), (&"stats".into(), &container.id.clone().into()));
    let data = &event["data"];
    assert!(data["cpu"]["usage"]["total"].is_u64(), "{data}");
    for name in ["throttling", "usage"] {
        assert!(data["cpu"][name].is_object(), "{name}: {data}");
    }
    for name in ["usage", "swap", "kernel", "kernelTCP", "raw"] {
        assert!(data["memory"][name].is_object(), "{name}: {data}");
    }
    for name in ["pids", "blkio", "hugetlb", "intel_rdt"] {
        assert!(data[name].is_object(), "{name}: {data}");
    }
    Ok(())
}

#[test]
fn it_goes_on_until_the_container_ends() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let events = container.begin(&["events", "--interval", "5ms"], &[])?;
    let seen = file_with(events.output_file(), "\n{")?;
    container.kill("KILL")?;
    let text = events.finish()?.ok()?;
    assert!(text.starts_with(&seen) && text.lines().count() >= 2, "{text}");
    assert!(text.lines().all(|line| line.starts_with("{\"type\":\"stats\"")), "{text}");
    container.wait()?;
    let message = container.run(&["events"], &[])?.refused()?;
    let expected = format!("container with id {} is not running", container.id);
    assert!(message.contains(&expected), "{message}");
    Ok(())
}

#[test]
fn it_ends_with_the_last_process_and_not_with_the_first() -> Result<()> {
    let root = Root::new()?;
    // In a PID namespace that is shared, children outlive their container's first process.
    let pod = root.sandbox("pod", &[])?;
    let container = pod.create("c", &root.shell("sleep 1000 & exit 0")?)?;
    let events = container.begin(&["events", "--interval", "5ms"], &[])?;
    let _first = file_with(events.output_file(), "\n")?;
    container.start()?;
    container.wait()?;
    let so_far = std::fs::read_to_string(events.output_file())?;
    assert!(!events.process.ends_within(std::time::Duration::from_millis(50))?, "{so_far}");
    container.kill("KILL")?;
    events.finish()?.ok().map(drop)
}

#[test]
fn an_interval_is_more_than_nothing() -> Result<()> {
    let root = Root::new()?;
    let message = root.run(&["events", "--interval", "0s", "nobody"])?.refused()?;
    assert!(message.contains("duration interval must be greater than 0"), "{message}");
    Ok(())
}
