//! A cgroup that its container may make groups in (config-linux.md, "Cgroup ownership").

use anyhow::{Context, Result};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use tests::{Bundle, Root};

const SCRIPT: &str = "cd /sys/fs/cgroup; mkdir below && echo 0 >below/cgroup.procs && \
    grep ^0: /proc/self/cgroup; stat -c %u . cgroup.procs cgroup.kill; exec sleep 1000";

/// The container's cgroup can be written to as far as its mount is concerned.
fn with_writable_cgroup(bundle: Bundle) -> Bundle {
    let options = ["nosuid", "noexec", "nodev"];
    bundle.without_mount("/sys/fs/cgroup").with_mount(
        "cgroup",
        "cgroup",
        "/sys/fs/cgroup",
        &options,
    )
}

/// The files that the kernel lists, and the directory.
fn owners(directory: &Path) -> Result<Vec<(String, u32)>> {
    let list = fs::read_to_string("/sys/kernel/cgroup/delegate")?;
    let names = list.split_whitespace().chain(["."]);
    let found = names.filter(|name| directory.join(name).exists());
    found
        .map(|name| Ok((name.to_owned(), fs::metadata(directory.join(name))?.uid())))
        .collect::<Result<_>>()
}

#[test]
fn the_user_of_a_container_may_make_groups_in_a_cgroup_that_is_writable() -> Result<()> {
    let root = Root::new()?;
    let bundle = with_writable_cgroup(root.shell(SCRIPT)?);
    let user = json!({ "uid": 1234, "gid": 1234 });
    let container = root.start_container("c", &bundle.with("/process/user", user))?;
    container.says("0::/below\n1234\n1234\n0\n")?;
    let state = container.state()?;
    assert_eq!(state["status"], "running");
    Ok(())
}

#[test]
fn the_owner_is_the_user_of_the_host_that_it_is() -> Result<()> {
    let root = Root::new()?;
    let maps = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
    let bundle = with_writable_cgroup(root.bundle(&["sleep", "1000"])?)
        .with_namespace("user", None)
        .with("/linux/uidMappings", maps.clone())
        .with("/linux/gidMappings", maps)
        .with("/process/user", json!({ "uid": 5, "gid": 5 }));
    chown(bundle.rootfs(), Some(100_000), Some(100_000))?;
    let container = root.start_container("c", &bundle)?;
    let cgroup = container.cgroup()?;
    let owners = owners(cgroup.path())?;
    assert!(owners.len() >= 4, "{owners:?}");
    assert!(owners.iter().all(|(_, owner)| *owner == 100_005), "{owners:?}");
    let limits = fs::metadata(cgroup.path().join("cgroup.max.depth"))?;
    assert_eq!(limits.uid(), 0, "a limit is not delegated");
    Ok(())
}

#[test]
fn a_cgroup_that_is_read_only_or_the_hosts_view_stays_the_hosts() -> Result<()> {
    let root = Root::new()?;
    let read_only = root.bundle(&["sleep", "1000"])?;
    let hosts_view = with_writable_cgroup(root.bundle(&["sleep", "1000"])?);
    let namespaces = hosts_view.field("/linux/namespaces").as_array().context("namespaces")?;
    let others: Vec<_> = namespaces.iter().filter(|one| one["type"] != "cgroup").cloned().collect();
    let hosts_view = hosts_view.with("/linux/namespaces", others);
    for (name, bundle) in [("a", read_only), ("b", hosts_view)] {
        let bundle = bundle.with("/process/user", json!({ "uid": 1234, "gid": 1234 }));
        let container = root.start_container(name, &bundle)?;
        let owners = owners(container.cgroup()?.path())?;
        assert!(owners.iter().all(|(_, owner)| *owner == 0), "{name}: {owners:?}");
    }
    Ok(())
}
