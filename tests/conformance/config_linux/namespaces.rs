//! config-linux.md, "Namespaces".

use crate::{refuses, with_user_namespace};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::fs;
use std::os::unix::fs::chown;
use tests::{Bundle, Root, namespace};

/// The names in config.json, and those in `/proc/PID/ns`.
const KINDS: [(&str, &str); 6] = [
    ("pid", "pid"),
    ("network", "net"),
    ("ipc", "ipc"),
    ("uts", "uts"),
    ("mount", "mnt"),
    ("cgroup", "cgroup"),
];

fn own(file: &str) -> Result<String> {
    Ok(fs::read_link(format!("/proc/self/ns/{file}"))?.to_string_lossy().into_owned())
}

/// Where a container is whose list has that entry.
fn lives_in(change: impl FnOnce(Bundle) -> Result<Bundle>, file: &str) -> Result<String> {
    let root = Root::new()?;
    let bundle = change(root.shell("exec sleep 1000")?.as_root(&[]))?;
    root.start_container("c", &bundle)?.namespace(file)
}

fn is_new(kind: &str, file: &str) -> Result<()> {
    let seen = lives_in(|bundle| Ok(bundle.with_namespace(kind, None)), file)?;
    ensure!(seen != own(file)?, "{kind}");
    Ok(())
}

macro_rules! new_ones {
    ($($name:ident: $kind:literal, $file:literal;)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            is_new($kind, $file)
        })*
    };
}

new_ones! {
    pid_without_a_path_is_a_new_one: "pid", "pid";
    network_without_a_path_is_a_new_one: "network", "net";
    mount_without_a_path_is_a_new_one: "mount", "mnt";
    ipc_without_a_path_is_a_new_one: "ipc", "ipc";
    uts_without_a_path_is_a_new_one: "uts", "uts";
    cgroup_without_a_path_is_a_new_one: "cgroup", "cgroup";
    time_without_a_path_is_a_new_one: "time", "time";
}

#[test]
fn user_without_a_path_is_a_new_one() -> Result<()> {
    let seen = lives_in(|bundle| with_user_namespace(bundle, 100_000), "user")?;
    ensure!(seen != own("user")?);
    Ok(())
}

/// Makes sure that a second container joins that namespace of a first one.
fn joins(kind: &str, file: &str) -> Result<()> {
    let root = Root::new()?;
    let first = root.shell("exec sleep 1000")?.as_root(&[]).with_namespace(kind, None);
    let first = root.start_container("a", &first)?;
    let path = format!("/proc/{}/ns/{file}", first.pid());
    let second = root.shell("exec sleep 1000")?.as_root(&[]).with_namespace(kind, Some(&path));
    let second = root.start_container("b", &second)?;
    ensure!(second.namespace(file)? == first.namespace(file)?, "{kind}");
    Ok(())
}

macro_rules! joined {
    ($($name:ident: $kind:literal, $file:literal;)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            joins($kind, $file)
        })*
    };
}

joined! {
    pid_is_joined_by_its_path: "pid", "pid";
    network_is_joined_by_its_path: "network", "net";
    ipc_is_joined_by_its_path: "ipc", "ipc";
    uts_is_joined_by_its_path: "uts", "uts";
    cgroup_is_joined_by_its_path: "cgroup", "cgroup";
    time_is_joined_by_its_path: "time", "time";
}

#[test]
fn mount_is_joined_by_its_path() -> Result<()> {
    let root = Root::new()?;
    let first = root.start_container("a", &root.shell("exec sleep 1000")?)?;
    let path = format!("/proc/{}/ns/mnt", first.pid());
    // Whoever joins has the file systems that are there.
    let second = root.shell("exec sleep 1000")?.with_namespace("mount", Some(&path));
    let second = second
        .with("/mounts", json!([]))
        .without("/linux/maskedPaths")
        .without("/linux/readonlyPaths")
        .without("/root/readonly");
    let second = root.start_container("b", &second)?;
    ensure!(second.namespace("mnt")? == first.namespace("mnt")?);
    Ok(())
}

#[test]
fn user_is_joined_by_its_path() -> Result<()> {
    let root = Root::new()?;
    let first = with_user_namespace(root.shell("exec sleep 1000")?.as_root(&[]), 100_000)?;
    let first = root.start_container("a", &first)?;
    let path = format!("/proc/{}/ns/user", first.pid());
    let second = root.shell("exec sleep 1000")?.as_root(&[]).with_namespace("user", Some(&path));
    chown(second.rootfs(), Some(100_000), Some(100_000))?;
    let second = root.start_container("b", &second)?;
    ensure!(second.namespace("user")? == first.namespace("user")?);
    Ok(())
}

/// Where a container is that says nothing of that namespace: it is run in a namespace of its own,
/// so that whatever the runtime does there stays there.
fn inherits(kind: &str, file: &str, option: &str) -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell(&format!("readlink /proc/self/ns/{file}"))?.as_root(&[]);
    let namespaces = bundle.field("/linux/namespaces").as_array().context("namespaces")?;
    let others: Vec<_> = namespaces.iter().filter(|one| one["type"] != kind).cloned().collect();
    let bundle = bundle.with("/linux/namespaces", others);
    bundle.write()?;
    let path = bundle.path().to_str().context("a path")?;
    let script = format!(
        "exec unshare {option} bash -c 'readlink /proc/self/ns/{file}; exec \"$@\"' bash \"$@\""
    );
    let args = ["run", "--bundle", path, &root.id("c")];
    let seen = root.start_by_shell(&script, &args)?.finish()?.ok()?;
    let lines: Vec<_> = seen.lines().collect();
    ensure!(lines.len() == 2 && lines[0] == lines[1], "{kind}: {seen}");
    Ok(())
}

macro_rules! inherited {
    ($($name:ident: $kind:literal, $file:literal, $option:literal;)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            inherits($kind, $file, $option)
        })*
    };
}

inherited! {
    pid_is_the_runtimes_where_nothing_is_said: "pid", "pid", "";
    network_is_the_runtimes_where_nothing_is_said: "network", "net", "--net";
    ipc_is_the_runtimes_where_nothing_is_said: "ipc", "ipc", "--ipc";
    uts_is_the_runtimes_where_nothing_is_said: "uts", "uts", "--uts";
    cgroup_is_the_runtimes_where_nothing_is_said: "cgroup", "cgroup", "";
    time_is_the_runtimes_where_nothing_is_said: "time", "time", "";
    user_is_the_runtimes_where_nothing_is_said: "user", "user", "";
    mount_is_the_runtimes_where_nothing_is_said:
        "mount", "mnt", "--mount --propagation private";
}

#[test]
fn a_path_is_absolute() -> Result<()> {
    refuses(|bundle| bundle.with_namespace("network", Some("proc/self/ns/net")))
}

#[test]
fn a_path_that_is_not_there_is_an_error() -> Result<()> {
    refuses(|bundle| bundle.with_namespace("network", Some("/proc/self/ns/gone")))
}

#[test]
fn a_path_to_a_namespace_of_another_type_is_an_error() -> Result<()> {
    for (kind, file) in KINDS {
        let other = if file == "uts" { "ipc" } else { "uts" };
        let path = format!("/proc/self/ns/{other}");
        refuses(|bundle| bundle.with_namespace(kind, Some(&path))).context(kind)?;
    }
    Ok(())
}

#[test]
fn a_path_to_something_else_is_an_error() -> Result<()> {
    refuses(|bundle| bundle.with_namespace("network", Some("/etc/passwd")))
}

#[test]
fn a_type_that_is_there_twice_is_an_error() -> Result<()> {
    for (kind, _) in KINDS {
        refuses(|bundle| bundle.with("/linux/namespaces/-", json!({ "type": kind })))
            .context(kind)?;
    }
    Ok(())
}

#[test]
fn a_type_is_required() -> Result<()> {
    refuses(|bundle| bundle.with("/linux/namespaces/-", json!({ "path": "/proc/self/ns/net" })))
}

#[test]
fn pid_shows_the_processes_of_the_container_alone() -> Result<()> {
    let seen = crate::output("echo $$; ls -d /proc/[0-9]* | wc -l", |bundle| bundle)?;
    let numbers: Vec<_> = seen.lines().collect();
    ensure!(numbers[0] == "1" && numbers[1].parse::<u32>()? <= 3, "{seen}");
    Ok(())
}

#[test]
fn network_is_a_stack_of_its_own() -> Result<()> {
    crate::shows("ls /sys/class/net", |bundle| bundle, "lo")
}

#[test]
fn cgroup_shows_nothing_above_the_container() -> Result<()> {
    crate::shows("grep ^0: /proc/self/cgroup", |bundle| bundle, "0::/")
}

#[test]
fn the_caller_stays_where_it_is() -> Result<()> {
    let before: Vec<_> = KINDS.iter().map(|(_, file)| own(file)).collect::<Result<_>>()?;
    crate::runs(|bundle| bundle)?;
    let own_pid = std::process::id().cast_signed();
    for ((_, file), before) in KINDS.iter().zip(before) {
        ensure!(namespace(own_pid, file)? == before, "{file}");
    }
    Ok(())
}
