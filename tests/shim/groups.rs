//! Several tasks in one shim, and tasks in the namespaces of others.

use crate::sessions::session;
use anyhow::Result;

const IN_GROUP: &str = "c run -d --null-io --annotation io.kubernetes.cri.sandbox-id=a $o $image";

#[test]
fn tasks_of_a_pod_have_one_shim() -> Result<()> {
    let first = format!("{IN_GROUP} a sleep 1000");
    let second = format!("{IN_GROUP} b sleep 1000");
    let session = session(
        "a group",
        &[
            &first,
            &second,
            "pgrep -c -x containerd-shim",
            "c task rm -f b; c container rm b",
            "c task exec --exec-id e a echo goes on",
            &second.replace(" b sleep", " c sleep"),
            "c task ls -q | sort | xargs",
            "pkill -KILL -x containerd-shim; await '[ -z \"$(c task ls -q)\" ]'",
            "c container rm a c; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("pgrep")?, "1");
    assert_eq!(session.said("c task exec")?, "goes on");
    assert_eq!(session.said("c task ls")?, "a c");
    assert_eq!(session.said("c container rm a c")?, "");
    Ok(())
}

/// The first process of such a task is made by a builder, which is no child of the shim's either.
#[test]
fn the_end_of_a_task_in_the_pid_namespace_of_another_is_told() -> Result<()> {
    let session = session(
        "a joined PID namespace",
        &[
            "c run -d --null-io $o $image a sleep 1000",
            "pid=$(c task ls | awk '$1 == \"a\" { print $2 }')",
            "ns=pid:/proc/$pid/ns/pid; c run --rm $o --with-ns $ns $image b sh -c 'exit 4'",
            "c run -d $o --with-ns $ns $image d sh -c 'sleep 1000 & exit 5'",
            "stopped d; c task rm d; c container rm d",
            "c task exec --exec-id e a sh -c 'ps | grep -c \"[s]leep 1000\"'",
            "c task rm -f a; c container rm a; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    session.ended("ns=", 4)?;
    assert!(session.of("stopped d")?.output.contains("exit code 5"), "{session:?}");
    assert_eq!(session.said("c task exec")?, "1");
    Ok(())
}
