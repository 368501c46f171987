//! Seccomp profiles that cannot be.

use crate::refused;
use anyhow::Result;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::net::UnixListener;
use tests::Root;

/// Refused are all of these: where `linux.seccomp` has the value at that place, the line must have
/// those parts.
fn each_refused(cases: &[(&str, Value, &[&str])]) -> Result<()> {
    let root = Root::new()?;
    let good = json!({ "defaultAction": "SCMP_ACT_ALLOW", "architectures": [], "syscalls": [
        { "names": ["mkdir"], "action": "SCMP_ACT_ERRNO" },
    ] });
    for (place, value, parts) in cases {
        let bundle = root.bundle(&["true"])?.with("/linux/seccomp", good.clone());
        refused(&root, &bundle.with(&format!("/linux/seccomp{place}"), value.clone()), parts)?;
    }
    Ok(())
}

#[test]
fn words_that_mean_nothing_are_named() -> Result<()> {
    let argument = |op: &str| json!([{ "index": 0, "value": 0, "op": op }]);
    each_refused(&[
        ("/defaultAction", json!("SCMP_ACT_PEA"), &["linux.seccomp.defaultAction", "SCMP_ACT_PEA"]),
        ("/syscalls/0/action", json!("ALLOW"), &["linux.seccomp.syscalls[0].action", "ALLOW"]),
        ("/architectures/0", json!("SCMP_ARCH_PEA"), &["linux.seccomp.architectures[0]", "_PEA"]),
        ("/architectures/0", json!("SCMP_ARCH_S390"), &["linux.seccomp.architectures", "S390"]),
        ("/flags", json!(["SECCOMP_FILTER_FLAG_PEA"]), &["linux.seccomp.flags[0]", "FLAG_PEA"]),
        (
            "/syscalls/0/args",
            argument("SCMP_CMP_PEA"),
            &["linux.seccomp.syscalls[0].args[0].op", "SCMP_CMP_PEA"],
        ),
    ])
}

#[test]
fn error_numbers_are_for_actions_that_return_one() -> Result<()> {
    let allow = json!({ "names": ["mkdir"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1 });
    each_refused(&[
        ("/syscalls/0/errnoRet", json!(4096), &["linux.seccomp.syscalls[0].errnoRet", "4096"]),
        ("/syscalls/0/errnoRet", json!(-1), &["linux.seccomp.syscalls[0].errnoRet", "-1"]),
        ("/defaultErrnoRet", json!(1), &["linux.seccomp.defaultErrnoRet", "SCMP_ACT_ALLOW"]),
        ("/syscalls/0", allow, &["linux.seccomp.syscalls[0].errnoRet", "SCMP_ACT_ALLOW"]),
    ])
}

#[test]
fn rules_are_about_calls_and_their_six_arguments() -> Result<()> {
    let argument = json!([{ "index": 6, "value": 0, "op": "SCMP_CMP_EQ" }]);
    each_refused(&[
        ("/syscalls/0/names", json!([]), &["linux.seccomp.syscalls[0].names", "[]"]),
        ("/syscalls/0/names", json!([""]), &["linux.seccomp.syscalls[0].names"]),
        ("/syscalls/0/args", argument, &["linux.seccomp.syscalls[0].args.index", "6"]),
    ])
}

#[test]
fn a_filter_that_notifies_needs_an_agent_that_can_be_told() -> Result<()> {
    let notify = |name: &str| json!({ "names": [name], "action": "SCMP_ACT_NOTIFY" });
    each_refused(&[
        (
            "/defaultAction",
            json!("SCMP_ACT_NOTIFY"),
            &["linux.seccomp.defaultAction", "SCMP_ACT_NOTIFY"],
        ),
        ("/syscalls/0", notify("write"), &["linux.seccomp.syscalls[0].names", "write"]),
        ("/syscalls/0", notify("mkdir"), &["linux.seccomp.listenerPath", "missing"]),
        ("/listenerMetadata", json!("x"), &["linux.seccomp.listenerMetadata", "x"]),
    ])
}

#[test]
fn an_agent_that_nobody_is_cannot_be_told() -> Result<()> {
    let root = Root::new()?;
    let dead = root.file("dead.sock");
    drop(UnixListener::bind(&dead)?);
    let file = root.file("file");
    fs::write(&file, "")?;
    for path in [&dead, &file, &root.file("missing.sock")] {
        let path = path.to_str().unwrap_or_default();
        let bundle = root.bundle(&["true"])?.with(
            "/linux/seccomp",
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path, "syscalls": [
                { "names": ["mkdir"], "action": "SCMP_ACT_NOTIFY" },
            ] }),
        );
        refused(&root, &bundle, &["linux.seccomp.listenerPath", path, "connect"])?;
    }
    Ok(())
}

#[test]
fn calls_that_no_kernel_has_are_skipped() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("echo works")?.with(
        "/linux/seccomp",
        json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            { "names": ["no_such_call", "mkdir"], "action": "SCMP_ACT_ERRNO" },
        ] }),
    );
    assert_eq!(root.start_container("c", &bundle)?.output()?, "works\n");
    Ok(())
}
