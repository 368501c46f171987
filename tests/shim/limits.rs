//! Limits, and what is told of them: under User-Mode-Linux, whose tree has the controllers.

use crate::sessions::{compare_in_vm, session_in_vm};
use anyhow::Result;

/// What is read of the cgroup of a task.
const READ: &str = "of() { for file in $2; do tr '\\n' ' ' <$cgroups/$1/$file; done; echo; }";

/// Events of a session, one a line: `/tasks/KIND {...}`.
const WATCH: &str = "ctr --address /run/containerd.sock events >/tmp/events 2>&1 & events=$!";

/// `told ID`: what was told of a task, without its making.
const TOLD: &str = "told() { await \"grep -q 'tasks/delete.*\\\"$1\\\"' /tmp/events\"; \
    grep -E \"tasks/(start|oom|exit|delete) .*\\\"$1\\\"\" /tmp/events | \
    grep -o 'tasks/[a-z]*' | xargs; }";

#[test]
fn a_task_has_the_limits_that_were_asked_for_and_tells_what_it_uses() -> Result<()> {
    let session = compare_in_vm(
        "limits of a task",
        &[
            READ,
            "c run -d --null-io $o --memory-limit 33554432 --cpus 0.5 $image m sleep 1000",
            "of m 'memory.max cpu.max'",
            "c task metrics m | awk 'NR > 2 && NF { print $1 }'",
            "c task metrics m | awk '$1 == \"memory.usage_limit\" { print $2 }'",
            "c task metrics --format json m | tr -d ' ,\\n' | grep -o '\"memory_events\":{}'",
            "c task rm -f m; c container rm m; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("of m")?, "33554432 50000 100000");
    assert_eq!(session.said("c task metrics m | awk '$1 ==")?, "33554432");
    assert_eq!(session.said("c task metrics --format json")?, "\"memory_events\":{}");
    Ok(())
}

#[test]
fn the_limits_of_a_running_task_are_changed() -> Result<()> {
    let session = session_in_vm(
        "update",
        &[
            READ,
            "update() { python3 \"$repository/tests/shim/update.py\" \
             /run/state/io.containerd.runtime.v2.task/$CONTAINERD_NAMESPACE/u u \"$1\"; }",
            "c run -d --null-io $o --memory-limit 33554432 $image u sleep 1000",
            "update '{\"memory\": {\"limit\": 67108864}, \"pids\": {\"limit\": 30}, \
             \"cpu\": {\"quota\": 20000, \"period\": 100000}}'; of u 'memory.max pids.max cpu.max'",
            "update '{\"memory\": {\"limit\": 134217728}, \"pids\": {\"limit\": true}}'",
            "of u 'memory.max pids.max cpu.max' # again",
            "c task metrics u | awk '$1 == \"pids.limit\" { print $2 }'",
            "c task rm -f u; c container rm u; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("update '{\"memory\": {\"limit\": 67")?, "67108864 30 20000 100000");
    session.ended("update '{\"memory\": {\"limit\": 134", 1)?;
    assert_eq!(
        session.said("of u 'memory.max pids.max cpu.max' # again")?,
        "67108864 30 20000 100000"
    );
    assert_eq!(session.said("c task metrics u")?, "30");
    Ok(())
}

#[test]
fn a_kill_for_want_of_memory_is_told_once_and_before_the_end() -> Result<()> {
    let session = session_in_vm(
        "killed for want of memory",
        &[
            WATCH,
            TOLD,
            "o=\"$o --memory-limit 33554432\"",
            "c run -d --null-io $o $image a tail /dev/zero",
            "stopped a; c task metrics --format json a | grep -o 'oom_kill\": [0-9]*'",
            "c task rm a; c container rm a; told a",
            "c run -d --null-io $o $image b sh -c 'tail /dev/zero; exit 5'",
            "stopped b; c task metrics --format json b | grep -o 'oom_kill\": [0-9]*'",
            "c task rm b; c container rm b; told b",
            "c run -d --null-io $o $image d sh -c 'exit 6'",
            "stopped d; c task rm d; c container rm d; told d",
            "left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    for name in ["a", "b"] {
        let said = session.of(&format!("c task rm {name}"))?.output.clone();
        assert!(said.ends_with("tasks/start tasks/oom tasks/exit tasks/delete"), "{said}");
        assert_eq!(session.said(&format!("stopped {name}; c task metrics"))?, "oom_kill\": 1");
    }
    assert!(session.of("c task rm a")?.output.contains("exit code 137"), "{session:?}");
    assert!(session.of("c task rm b")?.output.contains("exit code 5"), "{session:?}");
    let said = &session.of("stopped d")?.output;
    assert!(said.ends_with("tasks/start tasks/exit tasks/delete"), "{said}");
    assert_eq!(session.said("left")?, "");
    Ok(())
}
