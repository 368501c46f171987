//! Events: in order, once, and none lost.

use crate::sessions::session;
use anyhow::{Context, Result, ensure};

/// Events of a session, one a line: `/tasks/KIND {...}`.
const WATCH: &str = "ctr --address /run/containerd.sock events >/tmp/events 2>&1 & events=$!";

/// What is told of the life of one task.
fn kinds(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split("/tasks/").nth(1)?.split(' ').next()).collect()
}

#[test]
fn a_task_is_created_before_it_starts_and_ends_after_its_execs() -> Result<()> {
    let session = session(
        "events",
        &[
            WATCH,
            "c run -d --null-io $o $image e sleep 1000",
            "c task exec --exec-id x e true",
            "c task exec -d --exec-id y e sleep 1000",
            "c task pause e; c task resume e",
            "c task kill -s KILL e; stopped e",
            "c task rm e; c container rm e",
            "await 'grep -q containers/delete /tmp/events'; cat /tmp/events",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    let expected = [
        "create",
        "start",
        "exec-added",
        "exec-started",
        "exit",
        "exec-added",
        "exec-started",
        "paused",
        "resumed",
        "exit",
        "exit",
        "delete",
    ];
    let events = session.said("await")?;
    assert_eq!(kinds(events), expected);
    let last_exit = events.lines().rfind(|line| line.contains("/tasks/exit"));
    ensure!(last_exit.context("no exit")?.contains(r#""id":"e""#), "{events}");
    Ok(())
}

#[test]
fn what_happens_while_containerd_is_away_is_told_later() -> Result<()> {
    let session = session(
        "events of the meantime",
        &[
            "c run -d $o $image e sh -c 'sleep 1; exit 8'",
            "end -KILL; await '! pgrep -x sh'",
            "begin; stopped e",
            "c task rm e; c container rm e; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    ensure!(session.of("c task rm")?.output.contains("exit code 8"), "{session:?}");
    Ok(())
}
