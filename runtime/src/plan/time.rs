//! A time namespace's clocks.

use crate::error::{Error, Result};
use oci_spec::runtime::{Linux, LinuxNamespaceType};

/// `time_namespaces(7)`: the clocks that a namespace may move.
const CLOCKS: [&str; 2] = ["boottime", "monotonic"];

const NANOSECONDS: u32 = 1_000_000_000;

/// What is written to `/proc/self/timens_offsets`: empty if nothing is moved (config-linux.md,
/// "Offset for Time Namespace").
pub(super) fn offsets(linux: &Linux) -> Result<Vec<u8>> {
    let mut offsets: Vec<_> = linux.time_offsets().iter().flatten().collect();
    offsets.sort_by_key(|(clock, _)| clock.as_str());
    let mut lines = String::new();
    for (clock, offset) in offsets {
        let field = format!("linux.timeOffsets[{clock}]");
        if !CLOCKS.contains(&clock.as_str()) {
            return Err(Error::invalid(
                "linux.timeOffsets",
                clock,
                "not one of boottime and monotonic",
            ));
        }
        let nanoseconds = offset.nanosecs().unwrap_or(0);
        if nanoseconds >= NANOSECONDS {
            let field = format!("{field}.nanosecs");
            return Err(Error::invalid(field, nanoseconds, "not less than a second, 1000000000"));
        }
        lines += &format!("{clock} {} {nanoseconds}\n", offset.secs().unwrap_or(0));
    }
    let all = linux.namespaces().iter().flatten();
    let time = all.into_iter().find(|namespace| namespace.typ() == LinuxNamespaceType::Time);
    let reason = match time {
        None => "needs a time namespace",
        Some(namespace) if namespace.path().is_some() => {
            "needs a new time namespace: those of the one that is joined are set"
        }
        Some(_) => return Ok(lines.into_bytes()),
    };
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    Err(Error::invalid("linux.timeOffsets", lines.trim().replace('\n', ", "), reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn offsets_of(namespace: &Value, offsets: &Value) -> Result<Vec<u8>> {
        let linux = json!({ "namespaces": [namespace], "timeOffsets": offsets });
        super::offsets(&serde_json::from_value(linux).unwrap())
    }

    #[test]
    fn each_clock_is_a_line() {
        let both = json!({ "monotonic": { "secs": -1, "nanosecs": 999_999_999 }, "boottime": {} });
        let lines = offsets_of(&json!({ "type": "time" }), &both).unwrap();
        assert_eq!(lines, b"boottime 0 0\nmonotonic -1 999999999\n");
    }

    #[test]
    fn what_cannot_be_moved_is_refused() {
        let new = json!({ "type": "time" });
        let joined = json!({ "type": "time", "path": "/proc/1/ns/time" });
        let one = json!({ "boottime": { "secs": 1 } });
        for (namespace, offsets, line) in [
            (
                &new,
                json!({ "realtime": { "secs": 1 } }),
                "linux.timeOffsets: realtime: not one of boottime and monotonic",
            ),
            (
                &new,
                json!({ "boottime": { "nanosecs": 1_000_000_000 } }),
                "linux.timeOffsets[boottime].nanosecs: 1000000000: not less than a second, \
                 1000000000",
            ),
            (
                &json!({ "type": "ipc" }),
                one.clone(),
                "linux.timeOffsets: boottime 1 0: needs a time namespace",
            ),
            (
                &joined,
                one,
                "linux.timeOffsets: boottime 1 0: needs a new time namespace: those of the one \
                 that is joined are set",
            ),
        ] {
            assert_eq!(offsets_of(namespace, &offsets).unwrap_err().to_string(), line);
        }
    }
}
