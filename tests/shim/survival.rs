//! What is left when containerd or the shim ends.

use crate::sessions::session;
use anyhow::Result;

#[test]
fn a_task_goes_on_while_containerd_is_restarted() -> Result<()> {
    let session = session(
        "restart",
        &[
            "c run -d --null-io $o $image r sleep 1000",
            "c run -d $o $image q sh -c 'exit 6'",
            "stopped q",
            "end -TERM; begin",
            "c task ls | sort | awk '{ print $1, $3 }'",
            "c task exec --exec-id e r echo again",
            "end -KILL; begin",
            "c task exec --exec-id e r echo again",
            "c task rm q; c task rm -f r; c container rm q r; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("c task ls")?, "TASK STATUS\nq STOPPED\nr RUNNING");
    assert_eq!(session.said("c task exec")?, "again");
    let last = &session.of("c task rm q")?.output;
    assert!(last.contains("exit code 6") && last.lines().count() == 2, "{last}");
    Ok(())
}

#[test]
fn a_shim_that_is_killed_takes_all_with_it() -> Result<()> {
    let session = session(
        "killed",
        &[
            "c run -d --null-io $o $image k sleep 1000",
            "c task exec -d --exec-id e k sleep 1000",
            "pkill -KILL -x containerd-shim",
            "await '! c task ls -q | grep k'",
            "c container rm k; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    session.said("pkill")?;
    assert_eq!(session.said("c container rm")?, "");
    Ok(())
}

#[test]
fn a_shim_that_is_killed_in_the_middle_of_anything_leaves_nothing() -> Result<()> {
    const ROUND: &str = "round() { for i in $(seq 8); do \
        c run --rm $o $image n$i sh -c 'exit 0' >/dev/null 2>&1 & sleep 0.0$i; \
        pkill -KILL -x containerd-shim; wait $!; \
        c task rm -f n$i; c container rm n$i; done >/dev/null 2>&1; }; round";
    let session = session("killed at any time", &[ROUND, "await '[ -z \"$(left)\" ]'; left"]);
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("await")?, "");
    Ok(())
}
