//! config.md, "Mounts" and "POSIX-platform Mounts".

use crate::{map, output, refuses, shared, shows};
use anyhow::Result;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::MetadataExt;
use tests::{Bundle, Root};

fn tmpfs(bundle: Bundle, place: &str, options: &[&str]) -> Bundle {
    bundle.with_mount("tmpfs", "tmpfs", place, options)
}

/// A mount of the directory of the host that the bundle is in.
fn bound(bundle: Bundle, mount: Value) -> Result<Bundle> {
    fs::write(bundle.path().join("file"), "of the host")?;
    Ok(bundle.with("/mounts/-", mount))
}

#[test]
fn they_are_mounted_in_their_order() -> Result<()> {
    let nested = |bundle| tmpfs(tmpfs(bundle, "/tmp", &["size=1m"]), "/tmp/x", &["size=2m"]);
    shows("df -k /tmp /tmp/x | awk 'NR > 1 { print $2 }'", nested, "1024 2048")
}

#[test]
fn a_later_one_covers_an_earlier_one() -> Result<()> {
    let twice = |bundle| tmpfs(tmpfs(bundle, "/tmp", &["size=1m"]), "/tmp", &["size=2m"]);
    shows("df -k /tmp | awk 'NR > 1 { print $2 }'", twice, "2048")
}

#[test]
fn a_destination_is_required() -> Result<()> {
    refuses(|bundle| bundle.with("/mounts/-", json!({ "type": "tmpfs", "source": "tmpfs" })))
}

#[test]
fn a_relative_destination_begins_at_the_root() -> Result<()> {
    let relative = |bundle| tmpfs(bundle, "tmp", &["size=1m"]);
    shows("df -k /tmp | awk 'NR > 1 { print $2 }'", relative, "1024")
}

#[test]
fn a_directory_is_bound_from_an_absolute_path() -> Result<()> {
    let absolute = |bundle: Bundle| {
        let source = bundle.path().to_string_lossy().into_owned();
        let mount = json!({ "destination": "/tmp", "source": source, "options": ["bind"] });
        bound(bundle, mount)
    };
    shows("cat /tmp/file", absolute, "of the host")
}

#[test]
fn a_file_is_bound_onto_a_file() -> Result<()> {
    let file = |bundle: Bundle| {
        let source = bundle.path().join("file").to_string_lossy().into_owned();
        let mount = json!({ "destination": "/etc/group", "source": source, "options": ["bind"] });
        bound(bundle, mount)
    };
    shows("cat /etc/group", file, "of the host")
}

#[test]
fn a_relative_source_of_a_bind_mount_begins_at_the_bundle() -> Result<()> {
    let mount = json!({ "destination": "/etc/group", "source": "file", "options": ["bind"] });
    shows("cat /etc/group", |bundle| bound(bundle, mount), "of the host")
}

#[test]
fn rbind_alone_makes_a_bind_mount_too() -> Result<()> {
    let mount = json!({ "destination": "/etc/group", "source": "file", "options": ["rbind"] });
    shows("cat /etc/group", |bundle| bound(bundle, mount), "of the host")
}

#[test]
fn the_type_of_a_bind_mount_means_nothing() -> Result<()> {
    let mount = json!({
        "destination": "/etc/group", "source": "file", "type": "none", "options": ["bind"],
    });
    shows("cat /etc/group", |bundle| bound(bundle, mount), "of the host")
}

#[test]
fn the_source_of_a_bind_mount_exists() -> Result<()> {
    refuses(|bundle| bundle.with_mount("bind", "/nonexistent-of-the-host", "/tmp", &["bind"]))
}

#[test]
fn a_type_is_one_that_the_kernel_has() -> Result<()> {
    refuses(|bundle| bundle.with_mount("nonsensefs", "none", "/tmp", &[]))
}

#[test]
fn a_source_may_be_a_name_without_a_meaning() -> Result<()> {
    let named = |bundle: Bundle| bundle.with_mount("tmpfs", "just-a-name", "/tmp", &[]);
    shows("awk '$2 == \"/tmp\" { print $1 }' /proc/mounts", named, "just-a-name")
}

#[test]
fn options_are_optional() -> Result<()> {
    let bare = |bundle: Bundle| {
        bundle.with("/mounts/-", json!({ "destination": "/tmp", "type": "tmpfs" }))
    };
    shows("awk '$2 == \"/tmp\" { print $3 }' /proc/mounts", bare, "tmpfs")
}

#[test]
fn an_option_that_is_not_known_goes_to_the_file_system() -> Result<()> {
    let sized = |bundle| tmpfs(bundle, "/tmp", &["nr_inodes=77", "mode=0711"]);
    let script = "stat -c %a /tmp; grep -o nr_inodes=77 /proc/mounts";
    shows(script, sized, "711 nr_inodes=77")
}

#[test]
fn an_option_that_the_file_system_does_not_know_either_is_an_error() -> Result<()> {
    refuses(|bundle| tmpfs(bundle, "/tmp", &["nonsense=1"]))
}

/// A bind mount of a directory with a file of root's.
fn idmapped(bundle: Bundle, fields: &[(&str, Value)], option: &str) -> Result<Bundle> {
    let directory = bundle.path().join("owned");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("file"), "")?;
    let mut mount = json!({
        "destination": "/tmp", "source": directory, "type": "none", "options": ["rbind", option],
    });
    for (field, value) in fields {
        mount[*field] = value.clone();
    }
    Ok(bundle.with("/mounts/-", mount))
}

#[test]
fn uid_and_gid_mappings_shift_the_owners() -> Result<()> {
    let maps = [("uidMappings", map(0, 1000)), ("gidMappings", map(0, 2000))];
    for option in ["idmap", "ridmap"] {
        let mapped = |bundle| idmapped(bundle, &maps, option);
        shows("stat -c %u:%g /tmp/file", mapped, "1000:2000")?;
    }
    Ok(())
}

#[test]
fn uid_mappings_without_gid_mappings_are_an_error() -> Result<()> {
    refuses(|bundle| idmapped(bundle, &[("uidMappings", map(0, 1000))], "idmap"))
}

#[test]
fn gid_mappings_without_uid_mappings_are_an_error() -> Result<()> {
    refuses(|bundle| idmapped(bundle, &[("gidMappings", map(0, 1000))], "idmap"))
}

#[test]
fn the_files_of_the_host_keep_their_owners() -> Result<()> {
    let root = Root::new()?;
    let maps = [("uidMappings", map(0, 1000)), ("gidMappings", map(0, 2000))];
    let bundle = idmapped(root.shell("true")?.as_root(&[]), &maps, "idmap")?;
    root.start_container("c", &bundle)?.output()?;
    assert_eq!(fs::metadata(bundle.path().join("owned/file"))?.uid(), 0);
    Ok(())
}

#[test]
fn idmap_without_mappings_and_without_a_user_namespace_is_an_error() -> Result<()> {
    for option in ["idmap", "ridmap"] {
        refuses(|bundle| idmapped(bundle, &[], option))?;
    }
    Ok(())
}

#[test]
fn what_a_container_writes_into_a_bind_mount_is_on_the_host() -> Result<()> {
    let root = Root::new()?;
    let path = shared(&root)?;
    let bundle = root.shell(&format!("echo x >{path}/file"))?.as_root(&[]);
    let bundle = bundle.with_mount("bind", &path, &path, &["bind"]);
    root.start_container("c", &bundle)?.output()?;
    assert_eq!(fs::read_to_string(format!("{path}/file"))?, "x\n");
    Ok(())
}

#[test]
fn the_default_file_systems_are_of_their_types() -> Result<()> {
    let script = "for place in /proc /sys /dev/pts /dev/shm; do \
        awk -v place=$place '$2 == place { print $3 }' /proc/mounts; done";
    assert_eq!(output(script, |bundle| bundle)?, "proc\nsysfs\ndevpts\ntmpfs\n");
    Ok(())
}
