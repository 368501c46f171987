//! Mounts and devices that cannot be made.

use crate::refused;
use anyhow::Result;
use serde_json::json;
use std::fs;
use std::path::Path;
use tests::{Bundle, Root};

fn with_mount(root: &Root, kind: &str, source: &str, at: &str, option: &str) -> Result<Bundle> {
    let options: Vec<_> = option.split(',').filter(|option| !option.is_empty()).collect();
    Ok(root.bundle(&["true"])?.with_mount(kind, source, at, &options))
}

#[test]
fn a_source_that_is_not_there_is_named() -> Result<()> {
    let root = Root::new()?;
    let bundle = with_mount(&root, "bind", "/nowhere", "/mnt", "bind")?;
    refused(&root, &bundle, &["mounts", "/nowhere"])
}

#[test]
fn a_file_system_that_the_kernel_does_not_know_is_named() -> Result<()> {
    let root = Root::new()?;
    let bundle = with_mount(&root, "podfs", "none", "/mnt", "")?;
    refused(&root, &bundle, &["mounts", "podfs"])
}

#[test]
fn an_option_that_there_is_not_is_named() -> Result<()> {
    let root = Root::new()?;
    let tmpfs = with_mount(&root, "tmpfs", "tmpfs", "/mnt", "frobnicate")?;
    refused(&root, &tmpfs, &["mounts", "mnt", "frobnicate"])?;
    let tmpfs = with_mount(&root, "tmpfs", "tmpfs", "/mnt", "size=many")?;
    refused(&root, &tmpfs, &["mounts", "mnt", "size"])?;
    let bind = with_mount(&root, "bind", "/tmp", "/mnt", "bind,frobnicate")?;
    refused(&root, &bind, &["mounts", "mnt", "frobnicate"])
}

#[test]
fn a_mount_without_a_place_or_a_type_is_refused() -> Result<()> {
    let root = Root::new()?;
    let nowhere = root.bundle(&["true"])?.with("/mounts/-", json!({ "type": "tmpfs" }));
    refused(&root, &nowhere, &["destination"])?;
    let untyped = root.bundle(&["true"])?.with("/mounts/-", json!({ "destination": "/mnt" }));
    refused(&root, &untyped, &["mounts[/mnt].type"])
}

#[test]
fn a_place_never_leads_out_of_the_root() -> Result<()> {
    let root = Root::new()?;
    let place = format!("var/{}", root.id("place"));
    let bundle = root.bundle(&["true"])?.with("/root/readonly", false).with_mount(
        "tmpfs",
        "tmpfs",
        &format!("/../../../../../../../../{place}"),
        &[],
    );
    assert_eq!(root.start_container("c", &bundle)?.output()?, "");
    assert!(!Path::new("/").join(&place).exists());
    assert!(bundle.rootfs().join(&place).is_dir());
    Ok(())
}

#[test]
fn a_directory_is_not_mounted_over_a_file() -> Result<()> {
    let root = Root::new()?;
    let bundle = with_mount(&root, "tmpfs", "tmpfs", "/etc/passwd", "")?;
    refused(&root, &bundle, &["mounts", "etc/passwd"])
}

#[test]
fn a_missing_place_in_a_file_system_that_cannot_be_written_is_named() -> Result<()> {
    let root = Root::new()?;
    let bundle = with_mount(&root, "tmpfs", "tmpfs", "/proc/new", "")?;
    refused(&root, &bundle, &["mounts", "/proc/new"])?;
    let bundle = with_mount(&root, "tmpfs", "tmpfs", "/sys/new", "")?;
    refused(&root, &bundle, &["mounts", "sys/new"])
}

#[test]
fn a_device_without_a_type_or_with_a_bad_mode_is_refused() -> Result<()> {
    let root = Root::new()?;
    for (device, part) in [
        (json!({ "path": "/dev/x", "type": "q", "major": 1, "minor": 3 }), "linux.devices"),
        (json!({ "path": "/dev/x", "type": "c", "major": -1, "minor": 3 }), "linux.devices"),
        (json!({ "path": "dev/x", "type": "c", "major": 1, "minor": 3 }), "dev/x"),
        (
            json!({ "path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 0o10_000 }),
            "linux.devices",
        ),
    ] {
        let bundle = root.bundle(&["true"])?.with("/linux/devices", json!([device]));
        refused(&root, &bundle, &[part])?;
    }
    Ok(())
}

#[test]
fn a_device_in_the_place_of_another_file_is_refused() -> Result<()> {
    let root = Root::new()?;
    let device = json!({ "path": "/etc/passwd", "type": "c", "major": 1, "minor": 3 });
    let bundle = root.bundle(&["true"])?.with("/linux/devices", json!([device]));
    refused(&root, &bundle, &["linux.devices", "etc/passwd"])?;
    assert!(fs::metadata(bundle.rootfs().join("etc/passwd"))?.is_file());
    Ok(())
}
