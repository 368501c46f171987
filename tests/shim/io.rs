//! What goes in and comes out.

use crate::sessions::{compare, session};
use anyhow::Result;

/// Under runc's shim `ctr run` may wait for ever here: it opens the fifo before its client can say
/// that there is no more input.
#[test]
fn input_comes_in_and_comes_to_its_end() -> Result<()> {
    let session = session(
        "input",
        &[
            "echo input | c run --rm $o $image i cat",
            "head -c 5000000 /dev/zero | c run --rm $o $image i wc -c",
            "c run -d --null-io $o $image k sleep 1000",
            "echo more | c task exec --exec-id e k cat",
            "head -c 5000000 /dev/zero | c task exec --exec-id e k cat | wc -c",
            "c task exec --exec-id e k sh -c 'head -c 5000000 /dev/zero; echo end >&2' | wc -c",
            "c task rm -f k; c container rm k; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("echo input")?, "input");
    assert_eq!(session.said("head -c 5000000 /dev/zero | c run")?, "5000000");
    assert_eq!(session.said("head -c 5000000 /dev/zero | c task")?, "5000000");
    Ok(())
}

#[test]
fn a_terminal_is_one_and_has_the_size_of_the_clients() -> Result<()> {
    let session = compare(
        "terminals",
        &[
            "script -qc 'stty rows 33 cols 77; ctr --address /run/containerd.sock run --rm --tty \
             '\"$o $image\"' t sh -c \"tty; sleep 0.5; stty size\"' /dev/null",
            "c run -d --null-io $o $image k sleep 1000",
            "script -qec 'stty rows 33 cols 77; ctr --address /run/containerd.sock task exec \
             --exec-id e --tty k sh -c \"tty; sleep 0.5; stty size; exit 5\"' \
             /dev/null",
            "c task rm -f k; c container rm k; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    let said = session.said("script -qc")?;
    assert!(said.contains("/dev/pts/0") && said.contains("33 77"), "{said}");
    let said = session.ended("script -qec", 5)?;
    assert!(said.contains("/dev/pts/0") && said.contains("33 77"), "{said}");
    Ok(())
}

#[test]
fn output_goes_to_a_file_or_a_program_that_the_call_names() -> Result<()> {
    let session = compare(
        "loggers",
        &[
            "c run --rm --log-uri file:///tmp/log $o $image l sh -c 'echo out; echo err >&2'",
            "sort /tmp/log",
            "printf '#!/bin/bash\\nexec 5>&-\\necho \"${CONTAINER_NAMESPACE:+$CONTAINER_ID} $*\" \
             >/tmp/logger\\ncat <&3 >>/tmp/logger\\n' >/run/logger; chmod 755 /run/logger",
            "c run --rm --log-uri 'binary:///run/logger?tag=x' $o $image l echo logged",
            "await 'grep -q logged /tmp/logger'; cat /tmp/logger",
            "c run --rm --log-uri binary:///nonesuch $o $image l echo",
            "c task ls -q; c container ls -q; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("sort")?, "err\nout");
    assert_eq!(session.said("await")?, "l tag x\nlogged");
    Ok(())
}

#[test]
fn a_program_that_nobody_reads_keeps_no_call_waiting() -> Result<()> {
    let session = session(
        "full fifos",
        &[
            "c run -d $o $image f sh -c 'yes >&2' 2> >(exec sleep 5)",
            "time c task exec --exec-id e f echo other",
            "c task kill -s KILL f; stopped f",
            "c task rm f; c container rm f",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert!(session.said("time c task exec")?.starts_with("other"));
    session.said("c task kill")?;
    Ok(())
}
