//! config.md, "Root".

use crate::{output, refuses, shows};
use anyhow::Result;
use std::fs;
use tests::Root;

#[test]
fn it_is_required() -> Result<()> {
    refuses(|bundle| bundle.without("/root"))
}

#[test]
fn its_path_is_required() -> Result<()> {
    refuses(|bundle| bundle.without("/root/path"))
}

#[test]
fn a_relative_path_begins_at_the_bundle() -> Result<()> {
    shows("test -x /bin/busybox && echo here", |bundle| bundle.with("/root/path", "rootfs"), "here")
}

#[test]
fn a_path_may_be_absolute() -> Result<()> {
    let absolute = |bundle: tests::Bundle| {
        let path = bundle.rootfs().to_string_lossy().into_owned();
        bundle.with("/root/path", path)
    };
    shows("test -x /bin/busybox && echo here", absolute, "here")
}

#[test]
fn there_is_something_at_the_path() -> Result<()> {
    refuses(|bundle| bundle.with("/root/path", "gone"))
}

#[test]
fn what_is_at_the_path_is_a_directory() -> Result<()> {
    refuses(|bundle| bundle.with("/root/path", "rootfs/bin/busybox"))
}

#[test]
fn read_only_is_read_only() -> Result<()> {
    let seen = output("touch /file 2>&1; true", |bundle| bundle.with("/root/readonly", true))?;
    assert!(seen.contains("Read-only file system"), "{seen}");
    Ok(())
}

#[test]
fn it_is_writable_where_nothing_is_said() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("echo x >/file")?.as_root(&[]).without("/root/readonly");
    root.start_container("c", &bundle)?.output()?;
    assert_eq!(fs::read_to_string(bundle.rootfs().join("file"))?, "x\n");
    Ok(())
}
