//! `peapod mounts`: what a running container is given, and what is taken away again.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use tests::{Container, Root};

/// Writes `mounts` to a file, and does `verb` with it.
fn run(root: &Root, container: &Container<'_>, verb: &str, mounts: &Value) -> Result<String> {
    try_run(root, container, verb, mounts)?.ok()
}

fn try_run(
    root: &Root,
    container: &Container<'_>,
    verb: &str,
    mounts: &Value,
) -> Result<tests::Output> {
    let file = root.file("mounts.json");
    fs::write(&file, mounts.to_string())?;
    container.run(&["mounts", verb], &[file.to_str().context("a path")?])
}

fn bind(source: &Path, destination: &str, options: &[&str]) -> Value {
    json!({ "type": "bind", "source": source, "destination": destination, "options": options })
}

#[test]
fn a_directory_and_a_file_of_the_host_come_and_go() -> Result<()> {
    let root = Root::new()?;
    let (directory, file) = (root.file("directory"), root.file("file"));
    fs::create_dir(&directory)?;
    fs::write(directory.join("inside"), "seen")?;
    fs::write(&file, "the file")?;
    let bundle = root.bundle(&["sleep", "1000"])?.with("/root/readonly", false);
    let container = root.start_container("c", &bundle)?;
    let mounts = json!([bind(&directory, "/new/place", &["ro"]), bind(&file, "/etc/new", &[])]);
    run(&root, &container, "add", &mounts)?;
    let show = "cat /new/place/inside /etc/new; touch /new/place/x 2>&1 | grep -o Read-only";
    let said = container.exec(&[], &["sh", "-c", show])?.stdout;
    assert_eq!(said, "seenthe fileRead-only\n");
    // Not on the host, and in no other container.
    assert!(!fs::read_to_string("/proc/self/mountinfo")?.contains("/new/place"));
    run(&root, &container, "remove", &mounts)?;
    let mounted = container.exec(&[], &["cat", "/proc/mounts"])?.ok()?;
    assert!(!mounted.contains("/new"), "{mounted}");
    Ok(())
}

#[test]
fn a_new_file_system_has_its_parameters() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["sleep", "1000"])?.with("/root/readonly", false);
    let container = root.start_container("c", &bundle)?;
    let tmpfs = json!({ "type": "tmpfs", "source": "tmpfs", "destination": "/t",
        "options": ["size=1m", "noexec"] });
    run(&root, &container, "add", &json!({ "mounts": [tmpfs] }))?;
    let mounted = container.exec(&[], &["grep", " /t ", "/proc/mounts"])?.ok()?;
    assert!(mounted.contains("noexec") && mounted.contains("size=1024k"), "{mounted}");
    Ok(())
}

#[test]
fn all_are_added_or_none() -> Result<()> {
    let root = Root::new()?;
    let source = root.file("source");
    fs::create_dir(&source)?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let before = container.exec(&[], &["cat", "/proc/mounts"])?.ok()?;
    // The second one would stand in for what the runtime trusts.
    let mounts = json!([bind(&source, "/tmp", &[]), bind(&source, "/proc/self", &[])]);
    let message = try_run(&root, &container, "add", &mounts)?.refused()?;
    assert!(message.contains("proc"), "{message}");
    assert_eq!(container.exec(&[], &["cat", "/proc/mounts"])?.ok()?, before);
    let missing = json!([bind(&source, "/tmp", &[]), bind(Path::new("/no/such"), "/two", &[])]);
    let message = try_run(&root, &container, "add", &missing)?.refused()?;
    assert!(message.contains("/no/such"), "{message}");
    assert_eq!(container.exec(&[], &["cat", "/proc/mounts"])?.ok()?, before);
    Ok(())
}

/// A link in the container leads nowhere but into the container.
#[test]
fn no_link_leads_out_of_the_root() -> Result<()> {
    let root = Root::new()?;
    let (source, outside) = (root.file("source"), root.file("outside"));
    fs::create_dir(&source)?;
    fs::create_dir(&outside)?;
    let bundle = root.bundle(&["sleep", "1000"])?.with("/root/readonly", false);
    symlink(&outside, bundle.rootfs().join("link"))?;
    let container = root.start_container("c", &bundle)?;
    fs::write(source.join("mark"), "")?;
    run(&root, &container, "add", &json!([bind(&source, "/link/below", &[])]))?;
    assert_eq!(fs::read_dir(&outside)?.count(), 0);
    let inside = outside.join("below/mark");
    container.exec(&[], &["test", "-e", inside.to_str().context("a path")?])?.ok()?;
    Ok(())
}

#[test]
fn what_cannot_be_added_or_removed_is_named() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    for (verb, mount, words) in [
        ("add", json!({ "type": "proc", "destination": "/p" }), "mounts[p]: a procfs"),
        ("add", json!({ "type": "tmpfs", "destination": "/t", "options": ["remount"] }), "removed"),
        ("remove", json!({ "destination": "/" }), "the root stays"),
        ("remove", json!({ "destination": "/bin" }), "EINVAL"),
        ("remove", json!({ "destination": "/no/such" }), "ENOENT"),
    ] {
        let message = try_run(&root, &container, verb, &json!([mount]))?.refused()?;
        assert!(message.contains(words), "{words}: {message}");
    }
    container.kill("KILL")?;
    container.wait()?;
    let message = try_run(&root, &container, "add", &json!([]))?.refused()?;
    assert!(message.contains("container not running"), "{message}");
    Ok(())
}

#[test]
fn a_bind_is_added_to_a_container_with_users_of_its_own() -> Result<()> {
    let root = Root::new()?;
    let source = root.file("source");
    fs::create_dir(&source)?;
    let maps = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
    let bundle = root.bundle(&["sleep", "1000"])?.with_namespace("user", None);
    let bundle = bundle.with("/linux/uidMappings", maps.clone()).with("/linux/gidMappings", maps);
    let container = root.start_container("c", &bundle)?;
    run(&root, &container, "add", &json!([bind(&source, "/tmp", &[])]))?;
    let mounted = container.exec(&[], &["grep", " /tmp ", "/proc/mounts"])?.ok()?;
    assert!(!mounted.is_empty());
    let tmpfs = json!([{ "type": "tmpfs", "source": "tmpfs", "destination": "/tmp" }]);
    let message = try_run(&root, &container, "add", &tmpfs)?.refused()?;
    assert!(message.contains("mounts[tmp]: a new file system"), "{message}");
    Ok(())
}
