//! The seccomp profile that podman and CRI-O run containers with.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;

/// Of Debian's package golang-github-containers-common.
const PATH: &str = "/usr/share/containers/seccomp.json";

/// What podman makes of the file, as `linux.seccomp` of config.json, for a container with these
/// capabilities on a machine of that kind (`amd64`): rules that are for others are left out.
///
/// # Errors
///
/// When the file is not there.
pub fn default_profile(machine: &str, archs: &[&str], capabilities: &[&str]) -> Result<Value> {
    let file: Value = serde_json::from_slice(&fs::read(PATH).context(PATH)?)?;
    let applies = |rule: &Value| {
        let list = |of: &str, what: &str| rule[of][what].as_array().cloned().unwrap_or_default();
        let has = |name: &Value| capabilities.iter().any(|capability| name == capability);
        let machines = list("includes", "arches");
        list("includes", "caps").iter().all(has)
            && !list("excludes", "caps").iter().any(has)
            && (machines.is_empty() || machines.contains(&machine.into()))
    };
    let rules = file["syscalls"].as_array().context("no rules")?;
    let rules = rules.iter().filter(|rule| applies(rule)).map(|rule| {
        json!({ "names": rule["names"], "action": rule["action"], "args": rule["args"],
                "errnoRet": rule["errnoRet"] })
    });
    Ok(json!({
        "defaultAction": file["defaultAction"],
        "defaultErrnoRet": file["defaultErrnoRet"],
        "architectures": archs,
        "syscalls": rules.collect::<Vec<_>>(),
    }))
}
