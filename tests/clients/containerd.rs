//! containerd, by its own shim for runc, which is told to use peapod. `containerd.sh` starts it.

use crate::sessions::{Session, compare};
use anyhow::Result;

fn session(name: &str, commands: &[&str]) -> Result<Option<Session>> {
    compare(name, "/usr/bin/runc", include_str!("containerd.sh"), commands)
}

#[test]
fn a_task_is_run_and_its_end_is_told() -> Result<()> {
    let session = session(
        "ctr run",
        &[
            "c run --rm $o $image a echo hello",
            "c run --rm $o $image a sh -c 'exit 7'",
            "c run --rm $o $image a nonesuch",
            "c run --rm $o --privileged $image a sh -c 'grep CapBnd /proc/self/status'",
            "c run --rm $o --net-host $image a id",
            "c run --rm $o --read-only --seccomp $image a grep Seccomp: /proc/self/status",
            "c run --rm $o --uidmap 0:100000:65536 --gidmap 0:100000:65536 $image a \
             cat /proc/self/uid_map",
            "c task ls -q; c container ls -q",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("c run --rm $o $image a echo")?, "hello");
    session.failed("c run --rm $o $image a sh", 7)?;
    let message = session.failed("c run --rm $o $image a nonesuch", 1)?;
    assert!(message.contains("executable file not found in $PATH"), "{message}");
    assert!(session.said("c run --rm $o --read-only")?.contains("Seccomp:\t2"));
    assert!(session.said("c run --rm $o --uidmap")?.contains("100000"));
    assert_eq!(session.said("c task ls")?, "");
    Ok(())
}

#[test]
fn a_task_lives_from_run_to_rm() -> Result<()> {
    let session = session(
        "ctr's verbs",
        &[
            "c run -d $o $image b sleep 1000",
            "c task exec --exec-id e b sh -c 'echo inside; exit 3'",
            "c task exec --exec-id e b nonesuch",
            "c task ps b | wc -l",
            "c task pause b",
            "c task ls | grep -o PAUSED",
            "c task resume b",
            "c task metrics b | grep -c pids",
            "c task kill -s KILL b",
            "until c task ls | grep -q STOPPED; do :; done",
            "c task kill b",
            "c task rm b",
            "c container rm b",
            "c container ls -q",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.failed("c task exec --exec-id e b sh", 3)?, "inside");
    assert_eq!(session.said("c task ls | grep -o")?, "PAUSED");
    Ok(())
}
