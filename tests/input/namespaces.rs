//! Namespaces that cannot be joined, and sandboxes that cannot be entered.

use crate::refused;
use anyhow::Result;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::json;
use std::fs;
use tests::{Bundle, Root};

const KINDS: [(&str, &str); 5] =
    [("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("pid", "pid"), ("cgroup", "cgroup")];

fn joining(root: &Root, kind: &str, path: &str) -> Result<Bundle> {
    Ok(root.bundle(&["true"])?.with_namespace(kind, Some(path)))
}

#[test]
fn one_of_another_kind_is_refused() -> Result<()> {
    let root = Root::new()?;
    for (kind, file) in KINDS {
        let other = if file == "net" { "ipc" } else { "net" };
        let path = format!("/proc/self/ns/{other}");
        refused(&root, &joining(&root, kind, &path)?, &["linux.namespaces", &path, kind])?;
    }
    Ok(())
}

#[test]
fn what_is_no_namespace_is_refused() -> Result<()> {
    let root = Root::new()?;
    let file = root.file("file");
    fs::write(&file, "text")?;
    let fifo = root.file("fifo");
    mkfifo(&fifo, Mode::S_IRWXU)?;
    let directory = root.file("directory");
    fs::create_dir(&directory)?;
    for path in [file, fifo, directory, "/dev/null".into(), "/nowhere".into()] {
        let path = path.to_string_lossy().into_owned();
        for (kind, _) in KINDS {
            refused(&root, &joining(&root, kind, &path)?, &["linux.namespaces", &path])?;
        }
    }
    Ok(())
}

#[test]
fn a_path_that_is_not_absolute_is_refused() -> Result<()> {
    let root = Root::new()?;
    let bundle = joining(&root, "ipc", "proc/self/ns/ipc")?;
    refused(&root, &bundle, &["linux.namespaces[ipc].path", "proc/self/ns/ipc"])
}

#[test]
fn that_of_a_process_that_is_gone_is_refused() -> Result<()> {
    let root = Root::new()?;
    let mut gone = std::process::Command::new("true").spawn()?;
    gone.wait()?;
    let path = format!("/proc/{}/ns/net", gone.id());
    refused(&root, &joining(&root, "network", &path)?, &["linux.namespaces", &path])
}

#[test]
fn a_kind_given_twice_or_unknown_is_refused() -> Result<()> {
    let root = Root::new()?;
    let twice = root.bundle(&["true"])?.with("/linux/namespaces/-", json!({ "type": "ipc" }));
    refused(&root, &twice, &["linux.namespaces: ipc: given twice"])?;
    let unknown = root.bundle(&["true"])?.with("/linux/namespaces/-", json!({ "type": "pod" }));
    refused(&root, &unknown, &["linux.namespaces", "pod"])
}

#[test]
fn what_would_change_the_host_needs_a_namespace() -> Result<()> {
    let root = Root::new()?;
    let without = |kind: &str| -> Result<Bundle> {
        let bundle = root.bundle(&["true"])?;
        let all = bundle.field("/linux/namespaces").as_array().cloned().unwrap_or_default();
        let others: Vec<_> = all.into_iter().filter(|other| other["type"] != kind).collect();
        Ok(bundle.with("/linux/namespaces", others))
    };
    refused(&root, &without("uts")?.with("/hostname", "pea"), &["hostname", "pea", "UTS"])?;
    refused(&root, &without("mount")?, &["mount namespace"])?;
    let sysctl = without("network")?.with("/linux/sysctl/net.ipv4.ip_forward", "1");
    refused(&root, &sysctl, &["linux.sysctl[\"net.ipv4.ip_forward\"]"])?;
    let sysctl = without("ipc")?.with("/linux/sysctl/kernel.shmmax", "1");
    refused(&root, &sysctl, &["linux.sysctl[\"kernel.shmmax\"]"])
}

#[test]
fn sysctls_of_the_host_are_refused() -> Result<()> {
    let root = Root::new()?;
    for key in ["kernel.core_pattern", "net/../kernel/core_pattern", "vm.swappiness", "x"] {
        let sysctl = json!({ key: "1" });
        let bundle = root.bundle(&["true"])?.with("/linux/sysctl", sysctl);
        refused(&root, &bundle, &["linux.sysctl", key])?;
    }
    let sysctl = json!({ "net.ipv4.no_such_thing": "1" });
    let bundle = root.bundle(&["true"])?.with("/linux/sysctl", sysctl);
    refused(&root, &bundle, &["linux.sysctl", "no_such_thing"])
}

#[test]
fn a_pod_that_is_not_there_is_refused() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?;
    let message = root.try_create("c", &bundle, &["--sandbox", "nobody"])?.refused()?;
    assert!(message.contains("sandbox nobody does not exist"), "{message}");
    let message = root.try_create("c", &bundle, &["--sandbox", "../x"])?.refused()?;
    assert!(message.contains("invalid container ID format"), "{message}");
    root.has_nothing_left()
}
