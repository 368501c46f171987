//! The life of a task.

use crate::sessions::{compare, session};
use anyhow::Result;

#[test]
fn a_task_is_run_and_its_end_is_told() -> Result<()> {
    let session = compare(
        "ctr run",
        &[
            "c run --rm $o $image a echo hello",
            "c run --rm $o $image a sh -c 'echo error >&2; exit 7'",
            "c run --rm $o $image a nonesuch",
            "c run --rm $o $image a grep -c ^0::/ /proc/self/cgroup",
            "c run --rm $o --net-host --read-only $image a id",
            "c task ls -q; c container ls -q; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("c run --rm $o $image a echo")?, "hello");
    assert_eq!(session.ended("c run --rm $o $image a sh", 7)?, "error");
    let message = session.ended("c run --rm $o $image a nonesuch", 1)?;
    assert!(message.contains("executable file not found in $PATH"), "{message}");
    assert_eq!(session.said("c task ls")?, "");
    Ok(())
}

#[test]
fn a_task_lives_from_run_to_rm() -> Result<()> {
    let session = compare(
        "ctr's verbs",
        &[
            "c run -d --null-io $o $image b sleep 1000",
            "c task exec --exec-id e b sh -c 'echo inside; exit 3'",
            "c task exec --exec-id e b nonesuch",
            "c task exec --exec-id e b sh -c 'kill -KILL $$'",
            "c task ps b | wc -l",
            "c task pause b",
            "c task ls | grep -o PAUSED",
            "c task resume b",
            "c task rm b",
            "c task kill -s KILL b",
            "stopped b",
            "c task kill b",
            "c task exec --exec-id f b true",
            "c task rm b",
            "c task rm b",
            "c container rm b",
            "c container ls -q; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.ended("c task exec --exec-id e b sh -c 'echo", 3)?, "inside");
    session.ended("c task exec --exec-id e b sh -c 'kill", 137)?;
    assert_eq!(session.said("c task ls | grep -o")?, "PAUSED");
    Ok(())
}

#[test]
fn a_program_that_handles_its_signal_ends_as_it_likes() -> Result<()> {
    let session = compare(
        "signals",
        &[
            "c run -d $o $image s sh -c 'trap \"exit 9\" TERM; \
             while :; do sleep 0.01; done'",
            "c task exec --exec-id w s sh -c 'sleep 0.3'",
            "c task kill -s TERM s",
            "stopped s",
            "c task rm s",
            "c container rm s; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert!(session.of("c task rm")?.output.contains("exit code 9"));
    Ok(())
}

#[test]
fn twenty_tasks_at_once_end_each_with_its_own_exit_code() -> Result<()> {
    const RUN: &str = "codes() { for i in $(seq 20); do \
        c run --rm $o $image m$i sh -c \"echo $i; exit $i\" >/tmp/m$i & pids[i]=$!; done; \
        for i in $(seq 20); do wait ${pids[i]}; echo $? $(cat /tmp/m$i); done; }; codes";
    let Some(session) = session("twenty at once", &[RUN, "left"])? else { return Ok(()) };
    let expected: Vec<_> = (1..=20).map(|number| format!("{number} {number}")).collect();
    assert_eq!(session.said("codes")?, expected.join("\n"));
    assert_eq!(session.said("left")?, "");
    Ok(())
}

#[test]
fn what_cannot_be_created_leaves_nothing() -> Result<()> {
    let session = session(
        "failures",
        &[
            "c run --rm $o --memory-limit 1 $image f true",
            "c run --rm $o --mount type=bind,src=/nonesuch,dst=/x,options=rbind $image f true",
            "c task ls -q; c container ls -q; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    let message = session.ended("c run --rm $o --mount", 1)?;
    assert!(message.contains("/nonesuch"), "{message}");
    session.ended("c run --rm $o --memory-limit", 1)?;
    assert_eq!(session.said("c task ls")?, "");
    Ok(())
}

#[test]
fn the_processes_of_a_host_pid_namespace_end_with_the_first_one() -> Result<()> {
    let session = session(
        "host's PID namespace",
        &[
            "c run --rm $o --with-ns pid:/proc/1/ns/pid $image h sh -c 'sleep 1000 & exit 4'",
            "left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    session.ended("c run", 4)?;
    assert_eq!(session.said("left")?, "");
    Ok(())
}
