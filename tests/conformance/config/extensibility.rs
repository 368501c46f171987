//! config.md, "Extensibility": what nobody knows is ignored.

use crate::runs;
use anyhow::Result;
use serde_json::json;

#[test]
fn a_property_at_the_top() -> Result<()> {
    runs(|bundle| bundle.with("/unheardOf", json!({ "x": [1] })))
}

#[test]
fn a_property_of_the_process() -> Result<()> {
    runs(|bundle| bundle.with("/process/unheardOf", "x"))
}

#[test]
fn a_property_of_the_root() -> Result<()> {
    runs(|bundle| bundle.with("/root/unheardOf", true))
}

#[test]
fn a_property_of_a_mount() -> Result<()> {
    runs(|bundle| bundle.with("/mounts/0/unheardOf", 1))
}

#[test]
fn a_property_for_linux() -> Result<()> {
    runs(|bundle| bundle.with("/linux/unheardOf", json!({})))
}

#[test]
fn a_property_of_the_resources() -> Result<()> {
    runs(|bundle| bundle.with("/linux/resources/unheardOf", json!({})))
}

#[test]
fn what_is_for_another_platform() -> Result<()> {
    runs(|bundle| {
        bundle
            .with("/solaris", json!({ "limitpriv": "default" }))
            .with("/freebsd", json!({ "jail": { "vnet": "new" } }))
            .with("/zos", json!({ "namespaces": [] }))
    })
}
