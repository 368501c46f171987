//! containerd, or shims, are killed again and again while tasks begin and end.

use crate::sessions::session;
use anyhow::Result;
use std::env;

/// How often: always a few times, and fifty times if all is asked for (`PEAPOD_LONG=1`).
fn rounds() -> u32 {
    if env::var_os("PEAPOD_LONG").is_some() { 50 } else { 4 }
}

/// Each round begins three tasks with three exit codes, kills containerd meanwhile, and asks for
/// the codes of those that have begun; one that had not begun is not there.
const ROUND: &str = "round() { local i; \
    for i in 3 4 5; do c run -d $o $image r$1-$i sh -c \"usleep 50000; exit $i\" & done; \
    usleep $((RANDOM * 10)); end -KILL; wait; begin; \
    for i in 3 4 5; do \
        if c task ls | grep -q \"^r$1-$i \" && stopped r$1-$i; then \
            c task rm r$1-$i 2>&1 | grep -qE \"exit code ($i|137)\" || echo \"r$1-$i: lost\"; \
        else c task rm -f r$1-$i; fi; \
        c container rm r$1-$i; \
    done; }";

#[test]
fn no_end_is_lost_when_containerd_is_killed_again_and_again() -> Result<()> {
    let all = format!("all() {{ for n in $(seq {}); do round $n; done 2>/dev/null; }}", rounds());
    let session = session(
        "containerd killed under load",
        &[ROUND, &all, "all | grep lost", "await '[ -z \"$(left)\" ]'; left"],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.of("all |")?.output, "");
    assert_eq!(session.said("await")?, "");
    Ok(())
}

#[test]
fn the_end_of_a_task_is_told_although_its_shim_is_killed() -> Result<()> {
    let all = format!(
        "all() {{ for n in $(seq {}); do \
         c run -d --null-io $o $image k$n sh -c 'usleep 20000; exit 3'; usleep $((RANDOM * 2)); \
         pkill -KILL -x containerd-shim; await \"! c task ls -q | grep -q k$n\"; \
         c container rm k$n; done >/dev/null 2>&1; }}",
        rounds()
    );
    let session =
        session("shims killed under load", &[&all, "all; await '[ -z \"$(left)\" ]'; left"]);
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("all; await")?, "");
    Ok(())
}
