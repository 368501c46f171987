//! What happens at a limit.

use crate::has_controllers;
use anyhow::Result;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use serde_json::json;
use tests::Root;

#[test]
fn a_fork_bomb_meets_the_limit_of_processes() -> Result<()> {
    if !has_controllers("a_fork_bomb_meets_the_limit_of_processes")? {
        return Ok(());
    }
    let root = Root::new()?;
    let bundle = root
        .bundle(&["fork-bomb", "100"])?
        .with_program("fork-bomb")?
        .with("/linux/resources/pids/limit", 12);
    let container = root.start_container("c", &bundle)?;
    let output = container.output()?;
    // Itself and eleven others.
    assert!(output.starts_with("started 11: "), "{output}");
    assert!(output.contains("Resource temporarily unavailable"), "{output}");
    container.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn a_memory_hog_is_killed_and_reported_so() -> Result<()> {
    if !has_controllers("a_memory_hog_is_killed_and_reported_so")? {
        return Ok(());
    }
    let root = Root::new()?;
    let memory = json!({ "memory": { "limit": 16 << 20, "swap": 16 << 20 } });
    let bundle = root
        .bundle(&["memory-hog", "64"])?
        .with_program("memory-hog")?
        .with("/linux/resources", memory);
    let container = root.start_container("c", &bundle)?;
    assert!(matches!(container.wait()?, WaitStatus::Signaled(_, Signal::SIGKILL, _)));
    let state = container.state()?;
    assert_eq!((&state["status"], &state["oomKilled"]), (&json!("stopped"), &json!(true)));
    Ok(())
}

#[test]
fn one_that_ends_otherwise_is_not_reported_so() -> Result<()> {
    if !has_controllers("one_that_ends_otherwise_is_not_reported_so")? {
        return Ok(());
    }
    let root = Root::new()?;
    let bundle = root
        .bundle(&["memory-hog", "4"])?
        .with_program("memory-hog")?
        .with("/linux/resources/memory/limit", 64 << 20);
    let container = root.start_container("c", &bundle)?;
    assert_eq!(container.output()?, "touched 4 MiB\n");
    assert!(container.state()?.get("oomKilled").is_none_or(|killed| killed == false));
    Ok(())
}

#[test]
fn too_little_memory_for_init_is_said_so() -> Result<()> {
    if !has_controllers("too_little_memory_for_init_is_said_so")? {
        return Ok(());
    }
    let root = Root::new()?;
    let memory = json!({ "memory": { "limit": 4096, "swap": 4096 } });
    let bundle = root.bundle(&["true"])?.with("/linux/resources", memory);
    let output = root.try_create("c", &bundle, &[])?;
    if output.status.success() {
        // Its creator was faster than its death.
        let text = root.run(&["state", &root.id("c")])?.ok()?;
        let state: serde_json::Value = serde_json::from_str(&text)?;
        assert_eq!((&state["status"], &state["oomKilled"]), (&json!("stopped"), &json!(true)));
        return Ok(());
    }
    let message = output.refused()?;
    // In these words, which callers of runc look for.
    let expected = "container init was OOM-killed (memory limit too low?)";
    assert!(message.contains(expected), "{message}");
    root.has_nothing_left()
}

#[test]
fn a_limit_of_no_processes_lets_the_first_one_live() -> Result<()> {
    if !has_controllers("a_limit_of_no_processes_lets_the_first_one_live")? {
        return Ok(());
    }
    // config-linux.md since 1.3: 0 is a limit.
    let root = Root::new()?;
    let bundle = root.bundle(&["echo", "alone"])?.with("/linux/resources/pids/limit", 0);
    let container = root.create("c", &bundle)?;
    assert_eq!(container.cgroup()?.read("pids.max")?, "1");
    container.start()?;
    assert_eq!(container.output()?, "alone\n");
    Ok(())
}
