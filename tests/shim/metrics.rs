//! What a task uses.

use crate::sessions::compare;
use anyhow::Result;

/// Their values differ, and their names do not.
#[test]
fn metrics_have_the_names_of_runc_s_shim_until_the_task_is_deleted() -> Result<()> {
    let session = compare(
        "ctr task metrics",
        &[
            "c run -d --null-io $o $image m sleep 1000",
            "c task metrics m | awk 'NR > 2 && NF { print $1 }'",
            "c task metrics m | awk '$1 == \"cpu.usage_usec\" { print ($2 > 0) }'",
            "c task metrics nonesuch",
            "c task kill -s KILL m; stopped m",
            "c task rm m; c container rm m; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("c task metrics m | awk '$1 ==")?, "1");
    Ok(())
}
