//! Ids and clocks that cannot be.

use crate::refused;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{Bundle, Root};

fn map(container: u32, host: u32, size: u32) -> Value {
    json!({ "containerID": container, "hostID": host, "size": size })
}

fn mapped(root: &Root, uids: Value, gids: Value) -> Result<Bundle> {
    let bundle = root.bundle(&["true"])?.with_namespace("user", None);
    Ok(bundle.with("/linux/uidMappings", uids).with("/linux/gidMappings", gids))
}

#[test]
fn maps_that_cannot_be_written_are_refused() -> Result<()> {
    let root = Root::new()?;
    let good = json!([map(0, 100_000, 65536)]);
    let many: Vec<_> = (0..341).map(|number| map(number, number, 1)).collect();
    for (uids, parts) in [
        (json!([]), ["linux.uidMappings", "missing", "linux.gidMappings"]),
        (json!([map(0, 1, 0)]), ["linux.uidMappings", "0:1:0", "size is zero"]),
        (
            json!([map(0, 10, 5), map(4, 90, 1)]),
            ["0:10:5 and 4:90:1", "overlap", "in the container"],
        ),
        (json!([map(0, 10, 5), map(5, 14, 1)]), ["0:10:5 and 5:14:1", "overlap", "on the host"]),
        (json!(many), ["linux.uidMappings", "341", "340"]),
        (json!([map(0, u32::MAX, 2)]), ["linux.uidMappings", "0:4294967295:2", "past the last id"]),
    ] {
        refused(&root, &mapped(&root, uids.clone(), good.clone())?, &parts)?;
        let parts = parts.map(|part| match part {
            "linux.uidMappings" => "linux.gidMappings",
            "linux.gidMappings" => "linux.uidMappings",
            part => part,
        });
        refused(&root, &mapped(&root, good.clone(), uids)?, &parts)?;
    }
    Ok(())
}

#[test]
fn maps_and_a_user_namespace_need_each_other() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?.with_namespace("user", None);
    refused(&root, &bundle, &["linux.uidMappings", "missing"])?;
    let bundle = root.bundle(&["true"])?.with("/linux/uidMappings", json!([map(0, 9, 1)]));
    let bundle = bundle.with("/linux/gidMappings", json!([map(0, 9, 1)]));
    refused(&root, &bundle, &["linux.uidMappings", "0:9:1", "needs a user namespace"])
}

#[test]
fn ids_that_are_not_mapped_are_refused() -> Result<()> {
    let root = Root::new()?;
    let few = json!([map(0, 100_000, 100)]);
    for (user, field) in [
        (json!({ "uid": 100, "gid": 0 }), "process.user.uid: 100"),
        (json!({ "uid": 0, "gid": 100 }), "process.user.gid: 100"),
        (
            json!({ "uid": 0, "gid": 0, "additionalGids": [5, 100] }),
            "process.user.additionalGids: 100",
        ),
    ] {
        let bundle = mapped(&root, few.clone(), few.clone())?.with("/process/user", user);
        refused(&root, &bundle, &[field, "0:100000:100"])?;
    }
    let without_root = json!([map(1, 100_000, 65535)]);
    let bundle = mapped(&root, without_root.clone(), without_root)?;
    refused(&root, &bundle, &["linux.uidMappings: 0", "not mapped"])
}

#[test]
fn ids_of_a_joined_user_namespace_are_its_own() -> Result<()> {
    let root = Root::new()?;
    let maps = ["--uid-map", "0:100000:65536", "--gid-map", "0:100000:65536"];
    let sandbox = root.sandbox("pod", &maps)?;
    let user = sandbox.path("/namespaces/user")?;
    let joining =
        || -> Result<_> { Ok(root.bundle(&["true"])?.with_namespace("user", Some(user))) };
    let bundle = joining()?.with("/process/user", json!({ "uid": 70_000, "gid": 0 }));
    let message = root.try_create("c", &bundle, &[])?.refused()?;
    assert!(message.starts_with("process.user.uid: 70000: not mapped"), "{message}");
    let bundle = joining()?
        .as_root(&[])
        .with("/linux/uidMappings", json!([map(0, 1, 1)]))
        .with("/linux/gidMappings", json!([map(0, 1, 1)]));
    let message = root.try_create("c", &bundle, &[])?.refused()?;
    let wanted = "linux.uidMappings: 0:1:1: that which is joined has 0:100000:65536";
    assert_eq!(message, wanted);
    Ok(())
}

#[test]
fn a_pod_needs_the_ids_of_pause_and_both_maps() -> Result<()> {
    let root = Root::new()?;
    for (options, part) in [
        (&["--uid-map", "0:1:65536"][..], "--gid-map"),
        (&["--uid-map", "0:1:100", "--gid-map", "0:1:100"], "not mapped"),
        (&["--uid-map", "0:1", "--gid-map", "0:1:1"], "CONTAINER:HOST:SIZE"),
        (&["--uid-map", "0:1:0", "--gid-map", "0:1:1"], "size is zero"),
    ] {
        let message =
            root.run(&[&["sandbox", "create"], options, &[&root.id("pod")]].concat())?.refused()?;
        assert!(message.contains(part), "{message}");
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn an_idmapped_mount_that_cannot_be_is_refused() -> Result<()> {
    let root = Root::new()?;
    let source = root.file("source");
    std::fs::create_dir(&source)?;
    let source = source.to_str().context("a path")?;
    let bind = |source: &str, option: &str| -> Result<Bundle> {
        Ok(root.bundle(&["true"])?.with_mount("bind", source, "/mnt", &["bind", option]))
    };
    refused(&root, &bind(source, "idmap")?, &["mounts[/mnt].options", "idmap", "uidMappings"])?;
    let tmpfs = root.bundle(&["true"])?.with_mount("tmpfs", "tmpfs", "/mnt", &["ridmap"]);
    refused(&root, &tmpfs, &["mounts[/mnt].options", "ridmap", "bind mounts"])?;
    let one = json!({
        "destination": "/mnt", "type": "bind", "source": source, "options": ["bind"],
        "uidMappings": [map(0, 1, 1)],
    });
    let bundle = root.bundle(&["true"])?.with("/mounts/-", one.clone());
    refused(&root, &bundle, &["mounts[/mnt].gidMappings", "missing"])?;
    // procfs has no owners that could be shown otherwise.
    let mut proc = one;
    proc["source"] = json!("/proc");
    proc["gidMappings"] = json!([map(0, 1, 1)]);
    let bundle = root.bundle(&["true"])?.with("/mounts/-", proc);
    refused(&root, &bundle, &["mounts", "mnt", "proc cannot be mounted with other owners"])
}

#[test]
fn a_device_that_the_host_has_not_got_is_refused() -> Result<()> {
    let root = Root::new()?;
    let good = json!([map(0, 100_000, 65536)]);
    for (path, minor) in [("/dev/nowhere", 3), ("/dev/null", 9)] {
        let device = json!([{ "path": path, "type": "c", "major": 1, "minor": minor }]);
        let bundle = mapped(&root, good.clone(), good.clone())?.with("/linux/devices", device);
        refused(&root, &bundle, &["linux.devices", path])?;
    }
    Ok(())
}

#[test]
fn clocks_that_cannot_be_moved_are_refused() -> Result<()> {
    let root = Root::new()?;
    let with = |offsets: Value| -> Result<Bundle> {
        let bundle = root.bundle(&["true"])?.with_namespace("time", None);
        Ok(bundle.with("/linux/timeOffsets", offsets))
    };
    let nanoseconds = with(json!({ "boottime": { "nanosecs": 1_000_000_000 } }))?;
    refused(&root, &nanoseconds, &["linux.timeOffsets[boottime].nanosecs", "1000000000"])?;
    let clock = with(json!({ "realtime": { "secs": 1 } }))?;
    refused(&root, &clock, &["linux.timeOffsets", "realtime"])?;
    let bundle = root.bundle(&["true"])?;
    let without = bundle.with("/linux/timeOffsets/boottime", json!({ "secs": 1 }));
    refused(&root, &without, &["linux.timeOffsets", "boottime 1 0", "needs a time namespace"])?;
    if std::path::Path::new("/proc/self/ns/time").exists() {
        // Before the machine was started.
        let past = with(json!({ "boottime": { "secs": -4_000_000_000_i64 } }))?;
        refused(&root, &past, &["linux.timeOffsets", "ERANGE"])?;
        let path = "/proc/self/ns/time";
        let joined = with(json!({ "boottime": { "secs": 1 } }))?.with_namespace("time", Some(path));
        refused(&root, &joined, &["linux.timeOffsets", "boottime 1 0", "new time namespace"])?;
    }
    Ok(())
}
