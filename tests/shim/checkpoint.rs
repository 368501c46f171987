//! Checkpoint and restore, which CRIU does.

use crate::sessions::{compare, session};
use anyhow::Result;

/// A task that counts in `/count`.
const COUNTS: &str = "c run -d --null-io $o $image c sh -c \
    'n=0; while :; do n=$((n+1)); echo $n >/next; mv /next /count; usleep 5000; done'";

/// `count ID`: how far it has come.
const COUNT: &str = "count() { c task exec --exec-id e $1 \
    sh -c 'until [ -s /count ]; do :; done; cat /count'; }";

#[test]
fn a_task_goes_on_where_its_checkpoint_was_made() -> Result<()> {
    let session = compare(
        "checkpoint and restore",
        &[
            COUNTS,
            COUNT,
            "await '(($(count c) > 20))'",
            "c container checkpoint --image --rw --task c localhost/saved:1",
            "before=$(count c); c task ls | grep -o RUNNING",
            "c task rm -f c; c container rm c; left",
            "c container restore --live --rw d localhost/saved:1 && c task ls | grep -o RUNNING",
            "await '(($(count d) > before))' && ((before > 20)) && echo further",
            "c task kill -s KILL d; stopped d; c task rm d; c container rm d; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("before")?, "RUNNING");
    assert_eq!(session.said("c container restore")?, "RUNNING");
    assert_eq!(session.said("await '(($(count d)")?, "further");
    Ok(())
}

#[test]
fn a_task_may_end_with_its_checkpoint() -> Result<()> {
    let session = session(
        "a checkpoint at the end",
        &[
            "ctr --address /run/containerd.sock events >/tmp/events 2>&1 & events=$!",
            COUNTS,
            COUNT,
            "count c >/dev/null; c task checkpoint --exit --image-path /tmp/images c",
            "stopped c; ls /tmp/images | grep -c '^pages-'",
            "c task metrics c | grep -c cpu.usage",
            "c task exec --exec-id f c true",
            "c task rm c; c container rm c; left",
            "await 'grep -q containers/delete /tmp/events'",
            "grep -o '/tasks/[a-z]*' /tmp/events | grep -v exec | sort | uniq -c | xargs",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_ne!(session.said("stopped c")?, "0");
    assert_eq!(session.said("c task metrics")?, "1");
    session.ended("c task exec --exec-id f", 1)?;
    assert!(session.of("c task rm")?.output.contains("exit code 137"), "{session:?}");
    let events = session.said("grep -o")?;
    assert!(events.contains("1 /tasks/checkpointed 1 /tasks/create 1 /tasks/delete"), "{events}");
    Ok(())
}

#[test]
fn a_task_goes_on_when_its_checkpoint_cannot_be_written() -> Result<()> {
    let session = session(
        "a failed checkpoint",
        &[
            "c run -d --null-io $o $image k sleep 1000",
            "touch /tmp/file; c task checkpoint --exit --image-path /tmp/file k",
            "c task ls | grep -o RUNNING",
            "c task exec --exec-id e k echo goes on",
            "c task rm -f k; c container rm k; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    let message = session.ended("touch", 1)?;
    assert!(message.contains("/tmp/file"), "{message}");
    assert_eq!(session.said("c task ls")?, "RUNNING");
    assert_eq!(session.said("c task exec")?, "goes on");
    Ok(())
}
