//! config.md, "POSIX process": resource limits.

use crate::{output, refuses};
use anyhow::Result;
use serde_json::json;

/// The names, and the words of `/proc/self/limits`. All can be lowered to 7 but those that a shell
/// needs more of.
const LIMITS: [(&str, &str, u64); 16] = [
    ("RLIMIT_AS", "Max address space", 1 << 32),
    ("RLIMIT_CORE", "Max core file size", 0),
    ("RLIMIT_CPU", "Max cpu time", 77),
    ("RLIMIT_DATA", "Max data size", 1 << 31),
    ("RLIMIT_FSIZE", "Max file size", 77777),
    ("RLIMIT_LOCKS", "Max file locks", 77),
    ("RLIMIT_MEMLOCK", "Max locked memory", 7777),
    ("RLIMIT_MSGQUEUE", "Max msgqueue size", 7777),
    ("RLIMIT_NICE", "Max nice priority", 0),
    ("RLIMIT_NOFILE", "Max open files", 77),
    ("RLIMIT_NPROC", "Max processes", 777),
    ("RLIMIT_RSS", "Max resident set", 1 << 30),
    ("RLIMIT_RTPRIO", "Max realtime priority", 0),
    ("RLIMIT_RTTIME", "Max realtime timeout", 77777),
    ("RLIMIT_SIGPENDING", "Max pending signals", 777),
    ("RLIMIT_STACK", "Max stack size", 1 << 22),
];

#[test]
fn every_resource_of_linux_has_the_soft_and_hard_limit_that_is_asked_for() -> Result<()> {
    let entries: Vec<_> = LIMITS
        .iter()
        .map(|(kind, _, value)| json!({ "type": kind, "soft": value / 2, "hard": value }))
        .collect();
    let seen = output("cat /proc/self/limits", |bundle| bundle.with("/process/rlimits", entries))?;
    for (kind, words, value) in LIMITS {
        let line = seen.lines().find_map(|line| line.strip_prefix(words)).unwrap_or_default();
        let numbers: Vec<_> = line.split_whitespace().collect();
        assert_eq!(numbers[..2], [(value / 2).to_string(), value.to_string()], "{kind}");
    }
    Ok(())
}

#[test]
fn the_soft_and_the_hard_limit_may_be_the_same() -> Result<()> {
    let limit = json!([{ "type": "RLIMIT_NOFILE", "soft": 99, "hard": 99 }]);
    let seen = output("ulimit -Sn; ulimit -Hn", |bundle| bundle.with("/process/rlimits", limit))?;
    assert_eq!(seen, "99\n99\n");
    Ok(())
}

#[test]
fn a_resource_that_the_kernel_does_not_know_is_an_error() -> Result<()> {
    let limit = json!([{ "type": "RLIMIT_PATIENCE", "soft": 1, "hard": 1 }]);
    refuses(|bundle| bundle.with("/process/rlimits", limit))
}

#[test]
fn a_resource_that_is_there_twice_is_an_error() -> Result<()> {
    let limit = json!({ "type": "RLIMIT_NOFILE", "soft": 99, "hard": 99 });
    refuses(|bundle| bundle.with("/process/rlimits", json!([limit, limit])))
}

#[test]
fn a_soft_limit_above_the_hard_one_is_an_error() -> Result<()> {
    let limit = json!([{ "type": "RLIMIT_NOFILE", "soft": 99, "hard": 9 }]);
    refuses(|bundle| bundle.with("/process/rlimits", limit))
}
