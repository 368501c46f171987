//! config-linux.md, "User namespace mappings".

use crate::{refuses, shows, with_user_namespace};
use anyhow::{Error, Result, ensure};
use serde_json::json;
use std::fs;
use std::os::unix::fs::MetadataExt;
use tests::{Bundle, Root};

fn mapped(bundle: Bundle) -> Result<Bundle> {
    with_user_namespace(bundle, 100_000)
}

#[test]
fn uid_mappings_are_the_uid_map() -> Result<()> {
    shows("cat /proc/self/uid_map", mapped, "0 100000 65536")
}

#[test]
fn gid_mappings_are_the_gid_map() -> Result<()> {
    shows("cat /proc/self/gid_map", mapped, "0 100000 65536")
}

#[test]
fn there_may_be_several() -> Result<()> {
    let several = |bundle: Bundle| -> Result<Bundle> {
        let maps = json!([
            { "containerID": 0, "hostID": 100_000, "size": 10 },
            { "containerID": 50, "hostID": 300_000, "size": 20 },
        ]);
        Ok(mapped(bundle)?.with("/linux/uidMappings", maps))
    };
    shows("cat /proc/self/uid_map", several, "0 100000 10 50 300000 20")
}

#[test]
fn the_files_of_the_root_keep_their_owners() -> Result<()> {
    let root = Root::new()?;
    let bundle = mapped(root.shell("true")?.as_root(&[]))?;
    let before = fs::metadata(bundle.rootfs().join("bin/busybox"))?;
    root.start_container("c", &bundle)?.output()?;
    let after = fs::metadata(bundle.rootfs().join("bin/busybox"))?;
    ensure!((before.uid(), before.gid()) == (after.uid(), after.gid()));
    Ok(())
}

#[test]
fn a_user_namespace_needs_them() -> Result<()> {
    refuses(|bundle| bundle.with_namespace("user", None))
}

#[test]
fn a_size_is_required() -> Result<()> {
    refuses(|bundle| {
        let maps = json!([{ "containerID": 0, "hostID": 100_000 }]);
        Ok::<_, Error>(mapped(bundle)?.with("/linux/uidMappings", maps))
    })
}

#[test]
fn ids_do_not_overlap() -> Result<()> {
    refuses(|bundle| {
        let maps = json!([
            { "containerID": 0, "hostID": 100_000, "size": 10 },
            { "containerID": 5, "hostID": 300_000, "size": 20 },
        ]);
        Ok::<_, Error>(mapped(bundle)?.with("/linux/uidMappings", maps))
    })
}
