//! `peapod create` that does not come to its end.

use anyhow::{Result, bail, ensure};
use nix::sys::signal::Signal;
use std::fs;
use tests::{Bundle, Cgroup, Root, Running};

#[test]
fn a_create_that_is_interrupted_leaves_nothing() -> Result<()> {
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM] {
        let root = Root::new()?;
        let (create, _init, above) = half_way(&root)?;
        create.signal(signal)?;
        let message = create.finish()?.refused()?;
        assert!(message.contains("interrupted"), "{message}");
        fs::remove_dir(above.path())?;
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn a_container_that_is_being_created_says_so() -> Result<()> {
    let root = Root::new()?;
    let (create, _init, above) = half_way(&root)?;
    let state: serde_json::Value =
        serde_json::from_str(&root.run(&["state", &root.id("c")])?.ok()?)?;
    assert_eq!(state["status"], "creating");
    assert_eq!(state["pid"], 0);
    above.write("cgroup.freeze", "0")?;
    create.finish()?.ok()?;
    Ok(())
}

#[test]
fn what_a_killed_create_has_left_is_deleted() -> Result<()> {
    let root = Root::new()?;
    let (create, init, above) = half_way(&root)?;
    create.signal(Signal::SIGKILL)?;
    create.finish()?;
    root.adopt(init)?;
    root.run(&["delete", "--force", &root.id("c")])?.ok()?;
    fs::remove_dir(above.path())?;
    root.has_nothing_left()
}

#[test]
fn init_does_not_outlive_a_create_that_was_killed() -> Result<()> {
    let root = Root::new()?;
    let (create, init, above) = half_way(&root)?;
    create.signal(Signal::SIGKILL)?;
    create.finish()?;
    let init = root.adopt(init)?;
    above.write("cgroup.freeze", "0")?;
    // It has nobody to tell that it is ready, and must not wait for `start`.
    init.wait()?;
    let state: serde_json::Value =
        serde_json::from_str(&root.run(&["state", &root.id("c")])?.ok()?)?;
    assert_eq!(state["status"], "stopped");
    root.run(&["delete", &root.id("c")])?.ok()?;
    fs::remove_dir(above.path())?;
    root.has_nothing_left()
}

/// A bundle whose init is busy for a while.
fn slow(root: &Root) -> Result<Bundle> {
    let bundle = root.shell("true")?.with_mount("tmpfs", "tmpfs", "/tmp", &[]);
    let bundle = bundle.with("/linux/cgroupsPath", format!("/{}/c", root.id("above")));
    Ok((0..1000).fold(bundle, |bundle, number| {
        bundle.with_mount("tmpfs", "tmpfs", &format!("/tmp/{number}"), &[])
    }))
}

/// A `create` whose init is frozen in the middle of its mounts, the number of that, and the cgroup
/// above it.
fn half_way(root: &Root) -> Result<(Running, i32, Cgroup)> {
    let above = root.make_cgroup("above")?;
    let create = root.start_create("c", &slow(root)?, &[])?;
    above.wait_until_populated()?;
    let own = Cgroup::at(&format!("/{}/c", root.id("above")))?;
    loop {
        above.freeze()?;
        let [init] = own.processes()?[..] else { bail!("not one process in {own:?}") };
        let mounts = fs::read_to_string(format!("/proc/{init}/mountinfo"))?;
        ensure!(!mounts.contains(" /tmp/999 "), "init has been too fast");
        if mounts.contains(" /tmp/0 ") {
            return Ok((create, init, above));
        }
        above.write("cgroup.freeze", "0")?;
    }
}
