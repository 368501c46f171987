//! config-linux.md, "`IntelRdt`".

use crate::{refuses, runs};
use anyhow::Result;
use serde_json::json;
use std::fs;

fn has_resctrl() -> Result<bool> {
    Ok(fs::read_to_string("/proc/mounts")?.contains(" resctrl "))
}

#[test]
fn without_resctrl_it_is_an_error() -> Result<()> {
    if has_resctrl()? {
        let test = "config_linux::intel_rdt::without_resctrl_it_is_an_error";
        return tests::skipped(test, "resctrl is mounted");
    }
    for rdt in [
        json!({ "closID": "peas" }),
        json!({ "l3CacheSchema": "L3:0=f" }),
        json!({ "schemata": ["L3:0=f"] }),
        json!({ "enableMonitoring": true }),
    ] {
        refuses(|bundle| bundle.with("/linux/intelRdt", rdt))?;
    }
    Ok(())
}

#[test]
fn without_it_resctrl_is_not_needed() -> Result<()> {
    runs(|bundle| bundle)
}
