//! `peapod wait`.

use anyhow::{Context, Result, bail};
use nix::sys::utsname::uname;
use std::fs;
use std::time::Instant;
use tests::{DEADLINE, Root, skipped};

/// Whether the kernel tells others than its parent how a process ended.
fn is_told() -> Result<bool> {
    let release = uname()?.release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map(str::parse);
    let mut number = || numbers.next().context("no version")?.context("no number");
    Ok((number()?, number()?) >= (6, 15))
}

#[test]
fn the_exit_code_is_told_to_whoever_waits() -> Result<()> {
    if !is_told()? {
        return skipped("wait", "needs Linux 6.15");
    }
    let root = Root::new()?;
    let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done";
    for (signal, code) in [("TERM", "7\n"), ("KILL", "137\n")] {
        let container = root.start_container(signal, &root.shell(script)?)?;
        container.says("ready")?;
        let waiting = container.begin(&["wait"], &[])?;
        holds_a_pidfd(waiting.process.pid)?;
        container.kill(signal)?;
        container.wait()?;
        assert_eq!(waiting.finish()?.ok()?, code);
    }
    Ok(())
}

/// Until then, nobody has been asked for.
fn holds_a_pidfd(pid: i32) -> Result<()> {
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        let links = fs::read_dir(format!("/proc/{pid}/fd"))?;
        let mut targets = links.flatten().filter_map(|link| fs::read_link(link.path()).ok());
        if targets.any(|target| target.to_string_lossy().contains("pidfd")) {
            return Ok(());
        }
    }
    bail!("process {pid} holds no pidfd after {DEADLINE:?}")
}

#[test]
fn a_zombie_tells_how_it_ended() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("exit 9")?)?;
    assert!(container.process.ends_within(DEADLINE)?);
    assert_eq!(container.run(&["wait"], &[])?.ok()?, "9\n");
    Ok(())
}

#[test]
fn what_was_told_to_others_is_not_told_again() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("exit 9")?)?;
    container.wait()?;
    let message = container.run(&["wait"], &[])?.refused()?;
    assert!(message.contains("told only to whoever has reaped it"), "{message}");
    Ok(())
}
