//! config-linux.md, "Memory policy".

use crate::{output, refuses, runs};
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::path::Path;

/// How the kernel describes the policy of a program's memory.
fn policy(policy: Value) -> Result<Option<String>> {
    if !Path::new("/proc/self/numa_maps").exists() {
        return Ok(None);
    }
    let script = "awk '/heap|stack|anon/ { print $2 }' /proc/self/numa_maps";
    output(script, |bundle| bundle.with("/linux/memoryPolicy", policy)).map(Some)
}

macro_rules! modes {
    ($($name:ident: $policy:tt => $word:literal;)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            let Some(seen) = policy(json!($policy))? else {
                let test = concat!("config_linux::memory_policy::", stringify!($name));
                return tests::skipped(test, "a kernel without NUMA");
            };
            ensure!(seen.lines().any(|line| line.starts_with($word)), "{seen}");
            Ok(())
        })*
    };
}

modes! {
    mode_bind: { "mode": "MPOL_BIND", "nodes": "0" } => "bind:0";
    mode_interleave: { "mode": "MPOL_INTERLEAVE", "nodes": "0" } => "interleave:0";
    mode_preferred: { "mode": "MPOL_PREFERRED", "nodes": "0" } => "prefer:0";
    mode_preferred_many: { "mode": "MPOL_PREFERRED_MANY", "nodes": "0" } => "prefer (many):0";
    mode_local: { "mode": "MPOL_LOCAL" } => "local";
    mode_default: { "mode": "MPOL_DEFAULT" } => "default";
    flag_static_nodes:
        { "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"] } =>
        "bind=static:0";
    flag_relative_nodes:
        { "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_RELATIVE_NODES"] } =>
        "bind=relative:0";
}

#[test]
fn a_mode_is_required() -> Result<()> {
    refuses(|bundle| bundle.with("/linux/memoryPolicy", json!({ "nodes": "0" })))
}

#[test]
fn some_modes_need_nodes() -> Result<()> {
    for mode in ["MPOL_BIND", "MPOL_INTERLEAVE"] {
        refuses(|bundle| bundle.with("/linux/memoryPolicy", json!({ "mode": mode })))?;
    }
    Ok(())
}

#[test]
fn some_modes_have_no_nodes() -> Result<()> {
    let policy = json!({ "mode": "MPOL_DEFAULT", "nodes": "0" });
    refuses(|bundle| bundle.with("/linux/memoryPolicy", policy))
}

#[test]
fn nodes_are_ranges_too() -> Result<()> {
    if !Path::new("/proc/self/numa_maps").exists() {
        let test = "config_linux::memory_policy::nodes_are_ranges_too";
        return tests::skipped(test, "a kernel without NUMA");
    }
    let policy = json!({ "mode": "MPOL_BIND", "nodes": "0-0,0" });
    runs(|bundle| bundle.with("/linux/memoryPolicy", policy))
}
