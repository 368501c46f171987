//! What takes long keeps nobody else waiting.

use crate::sessions::session;
use anyhow::Result;

/// Makes `start` run a task with a hook that takes five seconds.
fn start(hook: &str) -> String {
    format!(
        r#"jq --arg root "$repository/bundles/hello/rootfs" '.root.path = $root |
            .process.args = ["sleep", "1000"] |
            .hooks.{hook} = [{{ path: "/bin/sh", args: ["sh", "-c", "touch /tmp/h; sleep 5"] }}]' \
            "$repository/bundles/hello/config.json" >/tmp/config.json
        start() {{ c run -d --null-io $o --config /tmp/config.json s; echo $? >/tmp/run; }}
        start >/dev/null 2>&1 &"#
    )
}

#[test]
fn a_task_whose_hook_takes_long_can_be_asked_for_its_state() -> Result<()> {
    let session = session(
        "a slow hook",
        &[
            &start("poststart"),
            "await 'c task ls -q | grep s'",
            "SECONDS=0; c task ls | awk '$1 == \"s\" { print $3 }'; ((SECONDS < 2))",
            "test -s /tmp/run",
            "await 'grep 0 /tmp/run'; c task ls | grep -o RUNNING",
            "c task rm -f s; c container rm s; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("SECONDS=0")?, "CREATED");
    session.ended("test -s", 1)?;
    assert!(session.said("await 'grep")?.ends_with("RUNNING"));
    Ok(())
}

#[test]
fn a_task_is_not_made_any_more_when_containerd_is_killed_meanwhile() -> Result<()> {
    let session = session(
        "an unfinished creation",
        &[
            &start("createRuntime"),
            "await 'test -e /tmp/h'; end -KILL; begin",
            "c task ls -q; c container rm s; await '[ -z \"$(left)\" ]'; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("c task ls")?, "");
    Ok(())
}
