//! config-linux.md, "Masked Paths" and "Readonly Paths".

use crate::{output, refuses, runs, shows};
use anyhow::{Result, ensure};
use serde_json::json;
use tests::Bundle;

fn masked(paths: &'static [&'static str]) -> impl Fn(Bundle) -> Bundle {
    move |bundle| bundle.with("/linux/maskedPaths", paths)
}

fn readonly(paths: &'static [&'static str]) -> impl Fn(Bundle) -> Bundle {
    move |bundle| bundle.with("/root/readonly", false).with("/linux/readonlyPaths", paths)
}

#[test]
fn a_masked_file_cannot_be_read() -> Result<()> {
    shows("cat /etc/passwd 2>/dev/null; echo end", masked(&["/etc/passwd"]), "end")
}

#[test]
fn a_masked_directory_cannot_be_read() -> Result<()> {
    shows("ls /etc; echo end", masked(&["/etc"]), "end")
}

#[test]
fn a_masked_path_that_is_not_there_is_none() -> Result<()> {
    runs(masked(&["/gone/with/the/wind"]))
}

#[test]
fn a_masked_path_is_absolute() -> Result<()> {
    refuses(masked(&["etc/passwd"]))
}

#[test]
fn a_masked_path_is_one_of_the_container() -> Result<()> {
    shows(
        "test -s /bin/busybox && cat /etc/group",
        masked(&["/etc/passwd"]),
        "root:x:0: nogroup:x:65534:",
    )
}

#[test]
fn a_read_only_file_cannot_be_written() -> Result<()> {
    let seen = output("echo x 2>&1 >/etc/group; true", readonly(&["/etc/group"]))?;
    ensure!(!seen.contains('x') || seen.contains("Read-only"), "{seen}");
    shows("(echo x >/etc/group) 2>/dev/null || echo no", readonly(&["/etc/group"]), "no")
}

#[test]
fn a_read_only_directory_cannot_be_written_into() -> Result<()> {
    shows("(echo x >/var/x) 2>/dev/null || echo no", readonly(&["/var"]), "no")
}

#[test]
fn what_is_not_read_only_can_be_written() -> Result<()> {
    shows("echo yes >/var/x; cat /var/x", readonly(&["/etc"]), "yes")
}

#[test]
fn a_read_only_path_that_is_not_there_is_none() -> Result<()> {
    runs(readonly(&["/gone/with/the/wind"]))
}

#[test]
fn a_read_only_path_is_absolute() -> Result<()> {
    refuses(readonly(&["etc"]))
}

#[test]
fn a_mount_label_that_cannot_be_applied_is_an_error() -> Result<()> {
    if std::path::Path::new("/sys/fs/selinux/enforce").exists() {
        let test = "config_linux::paths::a_mount_label_that_cannot_be_applied_is_an_error";
        return tests::skipped(test, "SELinux is on");
    }
    let label = "system_u:object_r:container_file_t:s0";
    refuses(|bundle| bundle.with("/linux/mountLabel", json!(label)))
}
