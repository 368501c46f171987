//! Root file systems and configurations that have led other runtimes out of the container.

use crate::refused;
use anyhow::Result;
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use tests::Root;

#[test]
fn procfs_is_not_mounted_through_a_link() -> Result<()> {
    // CVE-2019-19921, CVE-2023-27561: masked paths would be masked elsewhere.
    let root = Root::new()?;
    for place in ["proc", "sys"] {
        let bundle = root.bundle(&["true"])?;
        let link = bundle.rootfs().join(place);
        fs::remove_dir(&link)?;
        symlink("tmp", &link)?;
        refused(&root, &bundle, &["mounts", place])?;
    }
    Ok(())
}

#[test]
fn devices_are_not_made_outside_through_a_link() -> Result<()> {
    // CVE-2026-41579: /dev as a link made nodes, or changed what was there, on the host.
    let root = Root::new()?;
    let outside = root.file("outside");
    fs::create_dir(&outside)?;
    for target in [outside.to_string_lossy().into_owned(), format!("../../..{}", outside.display())]
    {
        let bundle = root.bundle(&["true"])?.without_mount("/dev");
        let bundle = ["/dev/pts", "/dev/shm", "/dev/mqueue"]
            .into_iter()
            .fold(bundle, |bundle, place| bundle.without_mount(place));
        let link = bundle.rootfs().join("dev");
        fs::remove_dir(&link)?;
        symlink(&target, &link)?;
        // Inside the root the link leads to nowhere or to a place there; both are fine.
        drop(root.try_create("c", &bundle, &[])?);
        assert_eq!(fs::read_dir(&outside)?.count(), 0);
        root.run(&["delete", "--force", &root.id("c")])?.ok()?;
    }
    Ok(())
}

#[test]
fn a_link_in_place_of_a_device_is_not_followed() -> Result<()> {
    // CVE-2025-31133: what is masked would be bound to the target of the link, writable.
    let root = Root::new()?;
    let bundle = ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"]
        .into_iter()
        .fold(root.shell("cat /proc/meminfo")?, |bundle, place| bundle.without_mount(place));
    let bundle = bundle.with("/linux/maskedPaths", ["/proc/meminfo"]);
    symlink("/proc/sys/kernel/core_pattern", bundle.rootfs().join("dev/null"))?;
    refused(&root, &bundle, &["linux.devices", "dev/null"])
}

#[test]
fn a_file_in_place_of_a_device_is_refused() -> Result<()> {
    let root = Root::new()?;
    let bundle = ["/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"]
        .into_iter()
        .fold(root.shell("true")?, |bundle, place| bundle.without_mount(place));
    fs::write(bundle.rootfs().join("dev/null"), "")?;
    refused(&root, &bundle, &["linux.devices", "dev/null"])
}

#[test]
fn what_is_masked_is_masked_by_the_hosts_null_device() -> Result<()> {
    let root = Root::new()?;
    // A container's own /dev, where `null` would be the container's to choose.
    let device = json!([{ "path": "/dev/null", "type": "c", "major": 1, "minor": 5 }]);
    let bundle = root
        .bundle(&["stat", "-c", "%t:%T", "/proc/meminfo"])?
        .with("/linux/devices", device)
        .with("/linux/maskedPaths", ["/proc/meminfo"]);
    let output = root.try_create("c", &bundle, &[])?;
    if output.status.success() {
        root.run(&["delete", "--force", &root.id("c")])?.ok()?;
        assert_eq!(root.start_container("d", &bundle)?.output()?, "1:3\n");
    }
    Ok(())
}

#[test]
fn nothing_is_mounted_over_a_part_of_procfs() -> Result<()> {
    // CVE-2019-16884, CVE-2025-52881: what the runtime writes there would go astray.
    let root = Root::new()?;
    for place in ["/proc/self/attr", "/proc/1", "/proc/sys", "/proc/./sys", "/tmp/../proc/sys"] {
        let bundle = root.bundle(&["true"])?.with_mount("tmpfs", "tmpfs", place, &[]);
        refused(&root, &bundle, &["mounts.destination", "/proc", "part of procfs"])?;
        let bundle = root.bundle(&["true"])?.with_mount("bind", "/tmp", place, &["bind"]);
        refused(&root, &bundle, &["mounts.destination", "/proc", "part of procfs"])?;
    }
    Ok(())
}

#[test]
fn nor_is_it_by_way_of_a_link() -> Result<()> {
    let root = Root::new()?;
    for (link, place) in [("../proc/sys", "/var/link"), ("/proc/sys", "/var/link")] {
        let bundle = root.bundle(&["true"])?.with_mount("tmpfs", "tmpfs", place, &[]);
        symlink(link, bundle.rootfs().join("var/link"))?;
        refused(&root, &bundle, &["mounts", "var/link"])?;
    }
    let bundle = root.bundle(&["true"])?.with_mount("tmpfs", "tmpfs", "/var/proc/attr", &[]);
    symlink("/proc/self", bundle.rootfs().join("var/proc"))?;
    refused(&root, &bundle, &["mounts", "var/proc/attr"])
}

#[test]
fn a_bind_of_procfs_cannot_stand_in_for_it() -> Result<()> {
    // A directory of the host in place of /proc: sysctls must not land there, nor be trusted.
    let root = Root::new()?;
    let fake = root.file("fake");
    fs::create_dir_all(fake.join("sys/net/ipv4"))?;
    fs::write(fake.join("sys/net/ipv4/ip_forward"), "untouched")?;
    let bundle = root
        .bundle(&["cat", "/proc/sys/net/ipv4/ip_forward"])?
        .without_mount("/proc")
        .with_mount("bind", &fake.to_string_lossy(), "/proc", &["bind"])
        .with("/linux/sysctl/net.ipv4.ip_forward", "1");
    if root.try_create("c", &bundle, &[])?.status.success() {
        root.run(&["start", &root.id("c")])?;
    }
    assert_eq!(fs::read_to_string(fake.join("sys/net/ipv4/ip_forward"))?, "untouched");
    Ok(())
}

#[test]
fn the_working_directory_is_not_a_descriptor_of_the_host() -> Result<()> {
    // CVE-2024-21626
    let root = Root::new()?;
    for number in 3..20 {
        let path = format!("/proc/self/fd/{number}");
        // Root may enter directories that others may not.
        for bundle in [root.bundle(&["true"])?, root.bundle(&["true"])?.as_root(&[])] {
            let bundle = bundle.with("/process/cwd", path.as_str());
            refused(&root, &bundle, &["process.cwd", &path[1..]])?;
        }
    }
    Ok(())
}

#[test]
fn a_bind_target_is_made_inside_whatever_links_there_are() -> Result<()> {
    // CVE-2024-45310: files and directories were made on the host.
    let root = Root::new()?;
    let outside = root.file("outside");
    fs::create_dir(&outside)?;
    let source = root.file("source");
    fs::write(&source, "text\n")?;
    let bundle = root.bundle(&["cat", "/var/link/new"])?.with("/root/readonly", false).with_mount(
        "bind",
        &source.to_string_lossy(),
        "/var/link/new",
        &["bind"],
    );
    symlink(&outside, bundle.rootfs().join("var/link"))?;
    drop(root.try_create("c", &bundle, &[])?);
    assert_eq!(fs::read_dir(&outside)?.count(), 0);
    Ok(())
}

#[test]
fn a_program_is_not_found_outside_through_a_link() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["/var/link"])?;
    symlink("../../../../../../../../bin/cat", bundle.rootfs().join("var/link"))?;
    symlink("/usr/bin/env", bundle.rootfs().join("var/other"))?;
    // Inside the root the first leads to busybox, the second to nowhere.
    root.create("c", &bundle)?.delete(&[])?;
    let bundle = bundle.with("/process/args", ["/var/other"]);
    refused(&root, &bundle, &["\"/var/other\": no such file or directory"])
}
