//! config-linux.md, "Control groups", "Cgroups Path", "Cgroup ownership" and "Allowed Device list".

use crate::refuses;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use tests::{Bundle, Root};

fn sleeper(root: &Root) -> Result<Bundle> {
    root.shell("exec sleep 1000")
}

/// Where a container's cgroup is whose path that is.
fn place(root: &Root, name: &str, path: &str) -> Result<PathBuf> {
    let bundle = sleeper(root)?.with("/linux/cgroupsPath", path);
    let container = root.start_container(name, &bundle)?;
    let place = container.cgroup()?.path().to_owned();
    container.kill("KILL")?;
    container.wait()?;
    container.delete(&[])?;
    Ok(place)
}

#[test]
fn an_absolute_path_begins_at_the_mount() -> Result<()> {
    let root = Root::new()?;
    let path = format!("/{}/own", root.id("above"));
    let place = place(&root, "c", &path)?;
    ensure!(place.ends_with(&path[1..]), "{place:?}");
    ensure!(
        ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
            .iter()
            .any(|top| place.as_os_str() == format!("{top}{path}").as_str()),
        "{place:?}"
    );
    Ok(())
}

#[test]
fn a_path_is_the_same_place_every_time() -> Result<()> {
    let root = Root::new()?;
    for path in [format!("/{}", root.id("one")), root.id("two")] {
        ensure!(place(&root, "a", &path)? == place(&root, "b", &path)?, "{path}");
    }
    Ok(())
}

#[test]
fn a_relative_path_is_somewhere() -> Result<()> {
    let root = Root::new()?;
    let path = root.id("relative");
    let place = place(&root, "c", &path)?;
    ensure!(place.to_string_lossy().contains(&path), "{place:?}");
    Ok(())
}

#[test]
fn there_is_a_cgroup_where_no_path_is_given() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &sleeper(&root)?)?;
    let own = fs::read_to_string("/proc/self/cgroup")?;
    let found = fs::read_to_string(format!("/proc/{}/cgroup", container.pid()))?;
    let line = |text: &str| text.lines().find(|line| line.starts_with("0::")).map(str::to_owned);
    ensure!(line(&own) != line(&found), "{found}");
    Ok(())
}

#[test]
fn a_path_never_leaves_the_mount() -> Result<()> {
    let root = Root::new()?;
    let path = format!("/../../../{}", root.id("escaped"));
    let bundle = sleeper(&root)?.with("/linux/cgroupsPath", path.as_str());
    // It may be refused.
    if let Ok(container) = root.start_container("c", &bundle) {
        let cgroup = container.cgroup()?;
        ensure!(cgroup.path().starts_with("/sys/fs/cgroup"), "{:?}", cgroup.path());
        ensure!(cgroup.exists());
    }
    Ok(())
}

#[test]
fn a_cgroup_that_somebody_is_in_is_an_error() -> Result<()> {
    let root = Root::new()?;
    let path = format!("/{}", root.id("taken"));
    let _first =
        root.start_container("a", &sleeper(&root)?.with("/linux/cgroupsPath", path.as_str()))?;
    let second = root.try_create("b", &sleeper(&root)?.with("/linux/cgroupsPath", path), &[])?;
    root.adopt_all()?;
    ensure!(!second.status.success(), "two containers share a cgroup");
    Ok(())
}

/// The owners of a cgroup and of its files that are delegated, and of one that is not.
fn owners(change: impl FnOnce(Bundle) -> Result<Bundle>) -> Result<(Vec<u32>, u32)> {
    let root = Root::new()?;
    let bundle = sleeper(&root)?.with("/process/user", json!({ "uid": 1234, "gid": 1234 }));
    let container = root.start_container("c", &change(bundle)?)?;
    let cgroup = container.cgroup()?;
    let list = fs::read_to_string("/sys/kernel/cgroup/delegate")?;
    let files = list.split_whitespace().chain(["."]).map(|name| cgroup.path().join(name));
    let owners = files.filter(|path| path.exists()).map(|path| Ok(fs::metadata(path)?.uid()));
    let owners = owners.collect::<Result<Vec<_>>>()?;
    Ok((owners, fs::metadata(cgroup.path().join("cgroup.max.depth"))?.uid()))
}

fn writable(bundle: Bundle) -> Bundle {
    let options = ["nosuid", "noexec", "nodev"];
    let bundle = bundle.without_mount("/sys/fs/cgroup");
    bundle.with_mount("cgroup", "cgroup", "/sys/fs/cgroup", &options)
}

#[test]
fn ownership_of_a_writable_cgroup_is_that_of_the_user() -> Result<()> {
    let (owners, _) = owners(|bundle| Ok(writable(bundle)))?;
    ensure!(owners.iter().all(|owner| *owner == 1234), "{owners:?}");
    Ok(())
}

#[test]
fn ownership_is_that_of_the_user_of_the_host() -> Result<()> {
    let (owners, _) = owners(|bundle| crate::with_user_namespace(writable(bundle), 100_000))?;
    ensure!(owners.iter().all(|owner| *owner == 101_234), "{owners:?}");
    Ok(())
}

#[test]
fn ownership_of_other_files_is_not_changed() -> Result<()> {
    let (_, other) = owners(|bundle| Ok(writable(bundle)))?;
    ensure!(other == 0, "{other}");
    Ok(())
}

#[test]
fn ownership_of_a_read_only_cgroup_is_not_changed() -> Result<()> {
    let (owners, _) = owners(Ok)?;
    ensure!(owners.iter().all(|owner| *owner == 0), "{owners:?}");
    Ok(())
}

#[test]
fn ownership_without_a_mount_is_not_changed() -> Result<()> {
    let (owners, _) = owners(|bundle| Ok(bundle.without_mount("/sys/fs/cgroup")))?;
    ensure!(owners.iter().all(|owner| *owner == 0), "{owners:?}");
    Ok(())
}

#[test]
fn ownership_without_a_new_cgroup_namespace_is_not_changed() -> Result<()> {
    let (owners, _) = owners(|bundle| {
        let namespaces = bundle.field("/linux/namespaces").as_array().context("namespaces")?;
        let kept: Vec<_> =
            namespaces.iter().filter(|one| one["type"] != "cgroup").cloned().collect();
        Ok(writable(bundle).with("/linux/namespaces", kept))
    })?;
    ensure!(owners.iter().all(|owner| *owner == 0), "{owners:?}");
    Ok(())
}

/// Whether each device, made and then read by one who may, could be read: `y` or `n`.
fn readable(rules: Value, devices: &[&str]) -> Result<String> {
    let root = Root::new()?;
    let tries = devices.iter().enumerate().map(|(at, numbers)| {
        format!("mknod /tmp/{at} c {numbers} && head -c 0 /tmp/{at} && echo y || echo n")
    });
    let script = format!("{{ {}; }} 2>/dev/null", tries.collect::<Vec<_>>().join("; "));
    let bundle = root.shell(&script)?.as_root(&["CAP_MKNOD"]);
    let bundle =
        bundle.with_mount("tmpfs", "tmpfs", "/tmp", &[]).with("/linux/resources/devices", rules);
    Ok(root.start_container("c", &bundle)?.output()?.split_whitespace().collect())
}

/// /dev/kmsg and /dev/mem's neighbour, which are no default devices.
const KMSG: &str = "1 11";

#[test]
fn devices_that_are_allowed_can_be_used() -> Result<()> {
    let rules = json!([
        { "allow": false, "access": "rwm" },
        { "allow": true, "type": "c", "major": 1, "minor": 11, "access": "rwm" },
    ]);
    ensure!(readable(rules, &[KMSG])? == "y");
    Ok(())
}

#[test]
fn devices_that_are_denied_cannot_be_used() -> Result<()> {
    let rules = json!([{ "allow": false, "access": "rwm" }]);
    ensure!(readable(rules, &[KMSG])? == "n");
    Ok(())
}

#[test]
fn device_rules_are_applied_in_their_order() -> Result<()> {
    let rules = json!([
        { "allow": true, "type": "c", "major": 1, "minor": 11, "access": "rwm" },
        { "allow": false, "access": "rwm" },
    ]);
    ensure!(readable(rules, &[KMSG])? == "n");
    Ok(())
}

#[test]
fn device_numbers_that_are_not_given_are_all() -> Result<()> {
    let rules = json!([
        { "allow": false, "access": "rwm" },
        { "allow": true, "type": "c", "major": 1, "access": "rwm" },
    ]);
    ensure!(readable(rules, &[KMSG])? == "y");
    Ok(())
}

#[test]
fn a_device_type_that_is_not_given_is_all() -> Result<()> {
    let rules = json!([{ "allow": true, "access": "rwm" }]);
    ensure!(readable(rules, &[KMSG])? == "y");
    Ok(())
}

#[test]
fn device_access_is_what_is_given() -> Result<()> {
    // May be made, may not be read.
    let rules = json!([
        { "allow": false, "access": "rwm" },
        { "allow": true, "type": "c", "major": 1, "minor": 11, "access": "wm" },
    ]);
    ensure!(readable(rules, &[KMSG])? == "n");
    Ok(())
}

#[test]
fn a_device_access_that_is_none_is_an_error() -> Result<()> {
    let rules = json!([{ "allow": true, "type": "c", "major": 1, "minor": 11, "access": "x" }]);
    refuses(|bundle| bundle.with("/linux/resources/devices", rules))
}

#[test]
fn a_device_rule_allows_or_denies() -> Result<()> {
    let rules = json!([{ "allow": true, "type": "q", "major": 1, "minor": 11, "access": "r" }]);
    refuses(|bundle| bundle.with("/linux/resources/devices", rules))
}
