//! config-linux.md, "Offset for Time Namespace".

use crate::{refuses, shows};
use anyhow::Result;
use serde_json::json;
use tests::Bundle;

fn shifted(bundle: Bundle) -> Bundle {
    let offsets = json!({
        "monotonic": { "secs": 1000, "nanosecs": 5 }, "boottime": { "secs": 2000, "nanosecs": 7 },
    });
    bundle.with_namespace("time", None).with("/linux/timeOffsets", offsets)
}

#[test]
fn the_monotonic_clock_is_shifted() -> Result<()> {
    shows("grep monotonic /proc/self/timens_offsets", shifted, "monotonic 1000 5")
}

#[test]
fn the_clock_since_boot_is_shifted() -> Result<()> {
    shows("grep boottime /proc/self/timens_offsets", shifted, "boottime 2000 7")
}

#[test]
fn seconds_and_nanoseconds_are_optional() -> Result<()> {
    let seconds = |bundle: Bundle| {
        let offsets = json!({ "boottime": { "secs": 3 }, "monotonic": { "nanosecs": 4 } });
        bundle.with_namespace("time", None).with("/linux/timeOffsets", offsets)
    };
    let script = "awk '{ print $2, $3 }' /proc/self/timens_offsets";
    shows(script, seconds, "0 4 3 0")
}

#[test]
fn a_time_before_the_boot_of_the_host_is_an_error() -> Result<()> {
    refuses(|bundle| {
        let offsets = json!({ "boottime": { "secs": -4_000_000_000_i64 } });
        bundle.with_namespace("time", None).with("/linux/timeOffsets", offsets)
    })
}
