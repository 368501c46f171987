//! What the containers of a pod see of each other's processes.

use anyhow::{Context, Result};
use serde_json::json;
use tests::{DEADLINE, Root};

const PROCESSES: &str = "for p in /proc/[0-9]*; do echo \"${p#/proc/} $(cat $p/comm)\"; done";

#[test]
fn in_a_shared_namespace_process_1_is_pause() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &["--pid", "shared"])?;
    let neighbour = pod.start("neighbour", &root.bundle(&["sleep", "1000"])?)?;
    let seen = pod.output_of("c", &root.shell(PROCESSES)?)?;
    assert!(seen.contains("1 pause\n"), "{seen}");
    let number = neighbour.process.field("NSpid")?;
    let number = number.split_whitespace().last().context("no number")?;
    assert!(seen.contains(&format!("{number} sleep\n")), "{seen}");
    Ok(())
}

#[test]
fn in_a_nested_namespace_process_1_is_the_program() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &["--pid", "nested"])?;
    pod.start("neighbour", &root.bundle(&["sleep", "1000"])?)?;
    let seen = pod.output_of("c", &root.shell(PROCESSES)?)?;
    assert!(seen.starts_with("1 sh\n"), "{seen}");
    assert!(!seen.contains("pause") && !seen.contains("sleep"), "{seen}");
    Ok(())
}

#[test]
fn pause_reaps_the_orphans_of_containers() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    // The subshell ends at once; what it has started reads until the pipe is closed.
    let script = "mkfifo /tmp/f; ((echo started; read x </tmp/f; echo ended) &)
        read go </tmp/go; echo >/tmp/f; exec sleep 1000";
    let bundle = root.shell(&format!("mkfifo /tmp/go; {script}"))?.with_mount(
        "tmpfs",
        "tmpfs",
        "/tmp",
        &["mode=1777"],
    );
    let container = pod.start("c", &bundle)?;
    container.says("started")?;
    let orphan = *tests::children(pod.pid())?.first().context("pause has no child")?;
    let orphan = tests::Process::open(orphan)?;
    let fifo = format!("/proc/{}/root/tmp/go", container.pid());
    std::fs::write(fifo, "go\n")?;
    container.says("ended")?;
    // A pidfd tells of the death, which a zombie has behind it too; pause is not told of by any
    // descriptor, but it reaps before it sleeps again.
    assert!(orphan.ends_within(DEADLINE)?);
    let end = std::time::Instant::now() + DEADLINE;
    while !tests::children(pod.pid())?.is_empty() {
        assert!(std::time::Instant::now() < end, "a zombie is left");
    }
    Ok(())
}

#[test]
fn an_init_that_waits_for_start_cannot_be_looked_into_by_neighbours() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    for uid in [0, 1000] {
        let name = |name: &str| format!("{name}-{uid}");
        let user = json!({ "uid": uid, "gid": uid });
        let bundle = root.bundle(&["true"])?.with("/process/user", user.clone());
        let waiting = pod.create(&name("waiting"), &bundle)?;
        let number = waiting.process.field("NSpid")?;
        let number = number.split_whitespace().last().context("no number")?;
        let look = format!("cd /proc/{number}; readlink exe root cwd fd/0 ns/mnt; cat environ");
        // The same user, and as few capabilities: it could trace any other process of the two.
        let bundle = root.shell(&look)?.with("/process/user", user);
        let curious = pod.start(&name("curious"), &bundle)?;
        assert_ne!(curious.exit_code()?, Some(0));
        assert_eq!(curious.says("")?, "");
    }
    Ok(())
}
