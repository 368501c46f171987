//! Mount options, one by one: what the kernel says of the mount, or what it does.

use anyhow::{Context, Result};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{chown, symlink};
use tests::Root;

/// What `mountinfo` says of the mount at `/m`: its own options, and those of its file system.
fn options(root: &Root, name: &str, kind: &str, asked: &[&str]) -> Result<(String, String)> {
    let source = root.file(&format!("{name}-source"));
    fs::create_dir(&source)?;
    let source = if kind == "bind" { source.to_str().context("a path")? } else { "m" };
    let bundle = root
        .bundle(&["grep", " /m ", "/proc/self/mountinfo"])?
        .with_mount(kind, source, "/m", asked);
    let line = root.start_container(name, &bundle)?.output()?;
    let fields: Vec<_> = line.split_whitespace().collect();
    Ok((fields[5].to_owned(), (*fields.last().context("nothing")?).to_owned()))
}

#[test]
fn each_attribute_is_set() -> Result<()> {
    let root = Root::new()?;
    for (number, (asked, shown)) in [
        (&["ro"][..], "ro,relatime"),
        (&["ro", "rw"], "rw,relatime"),
        (&["nosuid", "nodev", "noexec"], "rw,nosuid,nodev,noexec,relatime"),
        (&["nosuid", "suid", "nodev", "dev", "noexec", "exec"], "rw,relatime"),
        (&["noatime"], "rw,noatime"),
        (&["noatime", "atime"], "rw,relatime"),
        (&["strictatime"], "rw"),
        (&["nodiratime"], "rw,nodiratime,relatime"),
        (&["nodiratime", "diratime"], "rw,relatime"),
        (&["nosymfollow"], "rw,relatime,nosymfollow"),
        (&["nosymfollow", "symfollow"], "rw,relatime"),
        (
            &["defaults", "silent", "loud", "iversion", "noiversion", "mand", "nomand"],
            "rw,relatime",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let (own, _) = options(&root, &format!("c{number}"), "tmpfs", asked)?;
        assert_eq!(own, shown, "{asked:?}");
        let name = format!("b{number}");
        let (own, _) = options(&root, &name, "bind", &[&["bind"], asked].concat())?;
        assert_eq!(own, shown, "bind {asked:?}");
    }
    Ok(())
}

#[test]
fn each_flag_of_a_file_system_is_set() -> Result<()> {
    let root = Root::new()?;
    for (number, (asked, shown)) in [
        (&["sync"][..], Some("sync")),
        (&["sync", "async"], None),
        (&["dirsync"], Some("dirsync")),
        (&["lazytime"], Some("lazytime")),
        (&["lazytime", "nolazytime"], None),
        (&["mand"], Some("mand")),
    ]
    .into_iter()
    .enumerate()
    {
        let (_, found) = options(&root, &format!("c{number}"), "tmpfs", asked)?;
        let flags: Vec<_> = found
            .split(',')
            .filter(|one| ["sync", "dirsync", "lazytime", "mand"].contains(one))
            .collect();
        assert_eq!(flags, shown.into_iter().collect::<Vec<_>>(), "{asked:?}: {found}");
    }
    Ok(())
}

#[test]
fn a_bind_mount_does_not_change_its_file_system_and_says_so() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?.with_mount("bind", "/tmp", "/m", &["bind", "sync"]);
    let output = root.try_create("c", &bundle, &[])?;
    let warning = "mounts[/m].options: sync: ignored: is of the file system";
    assert!(output.stderr.contains(warning), "{}", output.stderr);
    root.adopt_all()?;
    output.ok().map(drop)
}

#[test]
fn recursive_attributes_reach_what_is_mounted_below() -> Result<()> {
    let root = Root::new()?;
    for (number, (asked, shown)) in [
        ("rro", "ro,relatime"),
        ("rnosuid", "rw,nosuid,relatime"),
        ("rnodev", "rw,nodev,relatime"),
        ("rnoexec", "rw,noexec,relatime"),
        ("rnodiratime", "rw,nodiratime,relatime"),
        ("rnoatime", "rw,noatime"),
        ("rstrictatime", "rw"),
        ("rrelatime", "rw,relatime"),
        ("rnosymfollow", "rw,relatime,nosymfollow"),
    ]
    .into_iter()
    .enumerate()
    {
        let source = root.file(&format!("source-{number}"));
        fs::create_dir_all(source.join("below"))?;
        let path = source.to_str().context("a path")?;
        let bundle = root
            .shell("grep -E ' /m(/below)? ' /proc/self/mountinfo | cut -d' ' -f6")?
            .with_mount("bind", path, "/m", &["rbind", asked]);
        bundle.write()?;
        let script = format!(
            "exec unshare --mount bash -ec 'mount -t tmpfs x {path}/below; \"$@\"' bash \"$@\""
        );
        let bundle = bundle.path().to_str().context("a path")?.to_owned();
        let run = ["run", "--bundle", &bundle, &root.id(&format!("c{number}"))];
        let seen = root.start_by_shell(&script, &run)?.finish()?.ok()?;
        assert_eq!(seen, format!("{shown}\n{shown}\n"), "{asked}");
    }
    Ok(())
}

#[test]
fn each_propagation_is_set() -> Result<()> {
    let root = Root::new()?;
    for (number, (asked, shown)) in [
        ("private", "-"),
        ("rprivate", "-"),
        ("shared", "shared"),
        ("rshared", "shared"),
        ("slave", "-"),
        ("unbindable", "unbindable"),
        ("runbindable", "unbindable"),
    ]
    .into_iter()
    .enumerate()
    {
        let script = "grep ' /m ' /proc/self/mountinfo | cut -d' ' -f7 | cut -d: -f1";
        let bundle = root.shell(script)?.with_mount("tmpfs", "x", "/m", &[asked]);
        let seen = root.start_container(&format!("c{number}"), &bundle)?.output()?;
        assert_eq!(seen.trim(), shown, "{asked}");
    }
    Ok(())
}

#[test]
fn each_propagation_of_the_root_is_set() -> Result<()> {
    let root = Root::new()?;
    for (number, (asked, shown)) in
        [("private", "-"), ("shared", "shared"), ("unbindable", "unbindable"), ("rslave", "-")]
            .into_iter()
            .enumerate()
    {
        let script = "awk '$5 == \"/\" { sub(\":.*\", \"\", $7); print $7 }' /proc/self/mountinfo";
        let bundle = root.shell(script)?.with("/linux/rootfsPropagation", asked);
        let seen = root.start_container(&format!("c{number}"), &bundle)?.output()?;
        assert!(seen.lines().all(|line| line == shown) && !seen.is_empty(), "{asked}: {seen}");
    }
    Ok(())
}

#[test]
fn a_relative_destination_is_taken_from_the_root_with_a_warning() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["stat", "-f", "-c", "%T", "/deep/er"])?;
    let bundle = bundle.with_mount("tmpfs", "x", "deep/er", &[]);
    let container = root.start_container("c", &bundle)?;
    assert_eq!(container.output()?, "tmpfs\n");
    let warning = "mounts.destination: \"deep/er\": not an absolute path: taken as \"/deep/er\"";
    assert!(container.complaints().contains(warning), "{}", container.complaints());
    Ok(())
}

#[test]
fn a_link_of_the_host_is_copied_or_mounted_itself() -> Result<()> {
    let root = Root::new()?;
    let link = root.file("link");
    symlink("to/somewhere", &link)?;
    let file = root.file("file");
    fs::write(&file, "text\n")?;
    let (link, file) = (link.to_str().context("a path")?, file.to_str().context("a path")?);
    let bundle = root
        .shell("readlink /copy; readlink /same; cat /plain; readlink /itself")?
        .with_mount("bind", link, "/copy", &["bind", "copy-symlink"])
        .with_mount("bind", link, "/same", &["bind", "copy-symlink"])
        .with_mount("bind", file, "/plain", &["bind", "copy-symlink"])
        .with_mount("bind", link, "/itself", &["bind", "src-nofollow"]);
    symlink("to/somewhere", bundle.rootfs().join("same"))?;
    let seen = root.start_container("c", &bundle)?.output()?;
    assert_eq!(seen, "to/somewhere\nto/somewhere\ntext\nto/somewhere\n");
    let bundle = root.bundle(&["true"])?.with_mount("bind", link, "/x", &["bind", "copy-symlink"]);
    symlink("elsewhere", bundle.rootfs().join("x"))?;
    let message = root.try_create("d", &bundle, &[])?.refused()?;
    assert!(message.starts_with("mounts: \"x\": symlinkat"), "{message}");
    Ok(())
}

#[test]
fn a_link_at_the_destination_is_covered_and_not_followed() -> Result<()> {
    let root = Root::new()?;
    let file = root.file("file");
    fs::write(&file, "text\n")?;
    let file = file.to_str().context("a path")?;
    let bundle = root.shell("cat /link; cat /target")?.with_file("target", "old\n")?.with_mount(
        "bind",
        file,
        "/link",
        &["bind", "dest-nofollow"],
    );
    symlink("target", bundle.rootfs().join("link"))?;
    let seen = root.start_container("c", &bundle)?.output()?;
    assert_eq!(seen, "text\nold\n");
    Ok(())
}

#[test]
fn what_cgroup_v2_does_not_have_is_ignored_with_a_warning() -> Result<()> {
    let root = Root::new()?;
    let bundle = root
        .bundle(&["true"])?
        .with("/linux/resources/memory", json!({ "swappiness": 60, "kernel": 1 << 20 }))
        .with("/linux/resources/cpu", json!({ "realtimePeriod": 1_000_000 }))
        .with("/linux/resources/network", json!({ "classID": 1 }));
    let container = root.start_container("c", &bundle)?;
    container.output()?;
    let said = container.complaints();
    for name in ["memory.kernel", "memory.swappiness", "cpu.realtimePeriod", "network.classID"] {
        assert!(said.contains(&format!("linux.resources.{name}: ignored: ")), "{name}: {said}");
    }
    Ok(())
}

#[test]
fn the_host_hears_of_no_mount_inside_unless_that_is_asked_for() -> Result<()> {
    let root = Root::new()?;
    for (number, (asked, expected)) in [
        (&[][..], "master:"),
        (&["rprivate"], "-"),
        (&["private"], "-"),
        (&["rslave"], "master:"),
        (&["rshared"], "shared:"),
        (&["shared"], "shared:"),
    ]
    .into_iter()
    .enumerate()
    {
        let source = root.file(&format!("source-{number}"));
        fs::create_dir(&source)?;
        let path = source.to_str().context("a path")?;
        let bundle = root
            .shell("grep -E ' /m(/below)? ' /proc/self/mountinfo | cut -d' ' -f7")?
            .with_mount("bind", path, "/m", &[&["rbind"], asked].concat());
        bundle.write()?;
        // The state of the container is on a mount that propagates nothing.
        let script = format!(
            "exec unshare --mount bash -ec 'mount -t tmpfs x {path}; mount --make-shared {path}
            mkdir {path}/below; mount -t tmpfs x {path}/below; \"$@\"' bash \"$@\""
        );
        let bundle = bundle.path().to_str().context("a path")?.to_owned();
        let run = ["run", "--bundle", &bundle, &root.id(&format!("c{number}"))];
        let seen = root.start_by_shell(&script, &run)?.finish()?.ok()?;
        let lines: Vec<_> = seen.lines().collect();
        assert_eq!(lines.len(), 2, "{asked:?}: {seen}");
        // What has no such field has the end of the fields there.
        assert!(lines[0].starts_with(expected), "{asked:?}: {seen}");
        if asked.first().is_none_or(|option| option.starts_with('r')) {
            assert!(lines[1].starts_with(expected), "below, {asked:?}: {seen}");
        }
    }
    Ok(())
}

/// All that a container has of the host's mounts: binds, files that are masked, devices.
#[test]
fn what_is_mounted_inside_does_not_show_on_the_host() -> Result<()> {
    const HOST: &str = "exec unshare --mount --propagation shared bash -ec '
        before=$(</proc/self/mountinfo); \"$@\"; after=$(</proc/self/mountinfo)
        diff <(echo \"$before\") <(echo \"$after\") >&2' bash \"$@\"";
    let root = Root::new()?;
    let maps = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
    let source = root.file("source");
    fs::create_dir(&source)?;
    let source = source.to_str().context("a path")?;
    for name in ["plain", "in-a-user-namespace"] {
        let script = "for place in /bound /proc/meminfo /dev/null /sys/fs/cgroup /sys; do
            if [ -d $place ]; then mount -t tmpfs x $place; else mount --bind /bin/sh $place; fi
            grep -q \" $place \" /proc/self/mountinfo && echo $place; done";
        let mut bundle = root
            .shell(script)?
            .as_root(&["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"])
            .with("/root/readonly", false)
            .with("/linux/maskedPaths", ["/proc/meminfo"])
            .with_mount("bind", source, "/bound", &["bind"]);
        if name != "plain" {
            chown(bundle.rootfs(), Some(100_000), Some(100_000))?;
            bundle = bundle
                .with_namespace("user", None)
                .with("/linux/uidMappings", maps.clone())
                .with("/linux/gidMappings", maps.clone());
        }
        bundle.write()?;
        let path = bundle.path().to_str().context("a path")?.to_owned();
        let run = ["run", "--bundle", &path, &root.id(name)];
        let output = root.start_by_shell(HOST, &run)?.finish()?;
        assert!(
            output.stdout.contains("/bound\n/proc/meminfo\n/dev/null\n/sys/fs/cgroup\n/sys\n"),
            "{output:?}"
        );
        output.ok()?;
    }
    Ok(())
}
