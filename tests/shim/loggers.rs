//! Programs that take the output of tasks, and who owns its pipes.

use crate::sessions::session;
use anyhow::Result;

/// `logger BODY`: writes one that takes standard output, after `BODY`.
const LOGGER: &str = "logger() { printf '#!/bin/bash\\n%s\\ncat <&3 >>/tmp/logged\\n%s\\n' \"$1\" \
    \"${2:-}\" >/run/logger; chmod 755 /run/logger; }; ";

#[test]
fn a_logger_of_the_second_version_says_that_it_is_ready() -> Result<()> {
    let session = session(
        "binary-v2",
        &[
            &format!("{LOGGER} logger 'printf r >&5; exec 5>&-'"),
            "c run --rm --log-uri 'binary-v2:///run/logger?a=b' $o $image l echo ready",
            "await 'grep ready /tmp/logged'",
            "logger 'exec 5>&-; exit'",
            "c run --rm --log-uri 'binary-v2:///run/logger' $o $image l echo not",
            "c container rm l; c task ls -q; left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("await")?, "ready");
    let message = session.ended("c run --rm --log-uri 'binary-v2:///run/logger' ", 1)?;
    assert!(message.contains("before it was ready"), "{message}");
    Ok(())
}

#[test]
fn a_logger_that_does_not_end_is_ended() -> Result<()> {
    let session = session(
        "a stubborn logger",
        &[
            &format!("{LOGGER} logger 'trap \"\" TERM; exec 5>&-' 'while :; do sleep 1; done'"),
            "c run -d --log-uri binary:///run/logger $o $image l echo logged",
            "stopped l; c task rm l; c container rm l",
            "pgrep -x logger >/dev/null && pgrep -x containerd-shim >/dev/null && echo waits",
            "await '! pgrep -x logger >/dev/null'; await '[ -z \"$(left)\" ]'; left",
            "cat /tmp/logged",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("pgrep")?, "waits");
    assert_eq!(session.said("await")?, "");
    assert_eq!(session.said("cat")?, "logged");
    Ok(())
}

/// Their user becomes that of the program, as under runc, and their group stays.
#[test]
fn pipes_belong_to_whom_the_options_name() -> Result<()> {
    let session = session(
        "owners of pipes",
        &[
            "printf 'IoUid = 1234\nIoGid = 2345\n' >/run/options.toml",
            "c run --rm $o --runtime-config-path /run/options.toml $image l \
             stat -L -c %u:%g /proc/self/fd/1 /proc/self/fd/2",
            "left",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("c run")?, "0:2345\n0:2345");
    Ok(())
}
