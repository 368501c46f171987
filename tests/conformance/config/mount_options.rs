//! config.md, "Linux mount options": those of one mount.

use crate::output;
use anyhow::{Context, Result, ensure};
use std::fs;
use tests::{Bundle, Root};

/// Of a tmpfs at /tmp: the options of the mount, of its propagation, and of the file system.
fn mounted(options: &[&str]) -> Result<(Vec<String>, String, Vec<String>)> {
    let script = "grep ' /tmp ' /proc/self/mountinfo";
    let change = |bundle: Bundle| bundle.with_mount("tmpfs", "tmpfs", "/tmp", options);
    parts(&output(script, change).with_context(|| format!("{options:?}"))?)
}

fn parts(line: &str) -> Result<(Vec<String>, String, Vec<String>)> {
    let line = line.lines().last().context("no mount")?;
    let (mount, file_system) = line.split_once(" - ").context("no file system")?;
    let fields: Vec<_> = mount.split(' ').collect();
    let list = |text: &str| text.split(',').map(str::to_owned).collect();
    let super_options = file_system.split(' ').nth(2).context("no options")?;
    Ok((list(fields[5]), fields[6..].join(" "), list(super_options)))
}

/// Makes sure that a mount with these options has that one in the end, in the kernel's words.
fn has(options: &[&str], expected: &str) -> Result<()> {
    let (of_mount, _, of_super) = mounted(options)?;
    let found = of_mount.iter().chain(&of_super).any(|option| option == expected);
    ensure!(found, "{options:?} gives {of_mount:?} {of_super:?}, without {expected:?}");
    Ok(())
}

fn has_not(options: &[&str], unexpected: &str) -> Result<()> {
    let (of_mount, _, of_super) = mounted(options)?;
    let found = of_mount.iter().chain(&of_super).any(|option| option == unexpected);
    ensure!(!found, "{options:?} gives {of_mount:?} {of_super:?}, with {unexpected:?}");
    Ok(())
}

/// Makes sure that the propagation of such a mount begins so.
fn propagates(option: &str, expected: &str) -> Result<()> {
    let (_, propagation, _) = mounted(&[option])?;
    ensure!(propagation.starts_with(expected), "{option} gives {propagation:?}");
    ensure!(!expected.is_empty() || propagation.is_empty(), "{option} gives {propagation:?}");
    Ok(())
}

/// A test for each option: what it adds, or what it takes back of an option before it.
macro_rules! options {
    ($($name:ident: $check:ident($options:expr, $word:literal);)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            $check(&$options, $word)
        })*
    };
}

options! {
    ro: has(["ro"], "ro");
    rw: has(["ro", "rw"], "rw");
    nosuid: has(["nosuid"], "nosuid");
    suid: has_not(["nosuid", "suid"], "nosuid");
    nodev: has(["nodev"], "nodev");
    dev: has_not(["nodev", "dev"], "nodev");
    noexec: has(["noexec"], "noexec");
    exec: has_not(["noexec", "exec"], "noexec");
    noatime: has(["noatime"], "noatime");
    atime: has_not(["noatime", "atime"], "noatime");
    nodiratime: has(["nodiratime"], "nodiratime");
    diratime: has_not(["nodiratime", "diratime"], "nodiratime");
    relatime: has(["relatime"], "relatime");
    norelatime: has_not(["norelatime"], "noatime");
    strictatime: has_not(["strictatime"], "relatime");
    nostrictatime: has(["strictatime", "nostrictatime"], "relatime");
    sync: has(["sync"], "sync");
    r#async: has_not(["sync", "async"], "sync");
    dirsync: has(["dirsync"], "dirsync");
    lazytime: has(["lazytime"], "lazytime");
    nolazytime: has_not(["lazytime", "nolazytime"], "lazytime");
    iversion: has(["iversion"], "rw");
    noiversion: has(["iversion", "noiversion"], "rw");
    silent: has(["silent"], "rw");
    loud: has(["silent", "loud"], "rw");
    defaults: has(["defaults"], "rw");
    defaults_and_another: has(["defaults", "nosuid"], "nosuid");
    nosymfollow: has(["nosymfollow"], "nosymfollow");
    symfollow: has_not(["nosymfollow", "symfollow"], "nosymfollow");
}

#[test]
fn private() -> Result<()> {
    propagates("private", "")
}

#[test]
fn rprivate() -> Result<()> {
    propagates("rprivate", "")
}

#[test]
fn shared() -> Result<()> {
    propagates("shared", "shared:")
}

#[test]
fn rshared() -> Result<()> {
    propagates("rshared", "shared:")
}

#[test]
fn unbindable() -> Result<()> {
    propagates("unbindable", "unbindable")
}

#[test]
fn runbindable() -> Result<()> {
    propagates("runbindable", "unbindable")
}

/// The propagation of a bind mount of what is shared on the host.
fn of_a_shared_mount(option: &str) -> Result<String> {
    let root = Root::new()?;
    let source = crate::shared(&root)?;
    let bundle = root.shell("grep ' /tmp ' /proc/self/mountinfo")?.as_root(&[]);
    let bundle = bundle.with_mount("none", &source, "/tmp", &["bind", option]);
    bundle.write()?;
    let script = format!(
        "exec unshare --mount --propagation private bash -c '\
        mount -t tmpfs tmpfs {source} && mount --make-shared {source} && exec \"$@\"' bash \"$@\""
    );
    let path = bundle.path().to_str().context("a path")?;
    let args = ["run", "--bundle", path, &root.id("c")];
    let seen = root.start_by_shell(&script, &args)?.finish()?.ok()?;
    Ok(parts(&seen)?.1)
}

#[test]
fn slave() -> Result<()> {
    let seen = of_a_shared_mount("slave")?;
    ensure!(seen.starts_with("master:"), "{seen:?}");
    Ok(())
}

#[test]
fn rslave() -> Result<()> {
    let seen = of_a_shared_mount("rslave")?;
    ensure!(seen.starts_with("master:"), "{seen:?}");
    Ok(())
}

#[test]
fn remount() -> Result<()> {
    let twice = |bundle: Bundle| {
        let bundle = bundle.with_mount("tmpfs", "tmpfs", "/tmp", &["nosuid"]);
        bundle.with_mount("tmpfs", "tmpfs", "/tmp", &["remount", "ro", "nosuid"])
    };
    let seen = output("touch /tmp/x 2>&1; grep -c ' /tmp ' /proc/self/mountinfo", twice)?;
    ensure!(seen.contains("Read-only") && seen.ends_with("\n1\n"), "{seen:?}");
    Ok(())
}

#[test]
fn bind_of_one_mount_alone() -> Result<()> {
    let bound = |bundle: Bundle| bundle.with_mount("none", "/sys", "/tmp", &["bind", "ro"]);
    let seen = output("grep -c ' /tmp' /proc/self/mountinfo", bound)?;
    ensure!(seen == "1\n", "{seen}");
    Ok(())
}

#[test]
fn rbind_of_all_below() -> Result<()> {
    let bound = |bundle: Bundle| bundle.with_mount("none", "/sys", "/tmp", &["rbind", "ro"]);
    let seen = output("grep -c ' /tmp/fs/cgroup ' /proc/self/mountinfo", bound)?;
    ensure!(seen == "1\n", "{seen}");
    Ok(())
}

#[test]
fn a_bind_mount_has_its_attributes_too() -> Result<()> {
    let options = ["bind", "ro", "nosuid", "nodev", "noexec", "noatime"];
    let bound = |bundle: Bundle| bundle.with_mount("none", "/etc", "/tmp", &options);
    let (of_mount, _, _) = parts(&output("grep ' /tmp ' /proc/self/mountinfo", bound)?)?;
    for option in &options[1..] {
        ensure!(of_mount.iter().any(|found| found == option), "{option}: {of_mount:?}");
    }
    Ok(())
}

#[test]
fn tmpcopyup() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("cat /etc/copied")?.as_root(&[]);
    fs::write(bundle.rootfs().join("etc/copied"), "up\n")?;
    let bundle = bundle.with_mount("tmpfs", "tmpfs", "/etc", &["tmpcopyup"]);
    assert_eq!(root.start_container("c", &bundle)?.output()?, "up\n");
    Ok(())
}
