//! Mounts that depend on what is there: remounts, copies, and links that lead nowhere.

use anyhow::{Context, Result};
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use tests::{Bundle, Root};

/// A directory in the root with a file, a link and a directory in it, of different owners.
fn with_data(root: &Root, script: &str) -> Result<Bundle> {
    let bundle = root.shell(script)?;
    let data = bundle.rootfs().join("data");
    fs::create_dir_all(data.join("below/deep"))?;
    fs::write(data.join("file"), "text".repeat(10_000))?;
    fs::write(data.join("below/deep/setuid"), "x")?;
    symlink("file", data.join("link"))?;
    symlink("/nowhere", data.join("dangling"))?;
    chown(data.join("file"), Some(5), Some(6))?;
    lchown(data.join("link"), Some(7), Some(8))?;
    chown(data.join("below/deep/setuid"), Some(9), Some(9))?;
    fs::set_permissions(data.join("file"), Permissions::from_mode(0o640))?;
    fs::set_permissions(data.join("below/deep/setuid"), Permissions::from_mode(0o4711))?;
    fs::set_permissions(data.join("below"), Permissions::from_mode(0o2750))?;
    fs::set_permissions(&data, Permissions::from_mode(0o1777))?;
    Ok(bundle.as_root(&["CAP_DAC_OVERRIDE"]))
}

const SHOW: &str = "stat -c '%n %a %u %g %F %s' /data /data/file /data/link /data/dangling \
                    /data/below /data/below/deep/setuid | grep -v '^/data .*[0-9]$'; \
                    stat -c '%n %a' /data; md5sum </data/file; stat -c %Y /data/file";

#[test]
fn a_tmpfs_copies_up_what_it_covers() -> Result<()> {
    let root = Root::new()?;
    let plain = root.start_container("a", &with_data(&root, SHOW)?)?.output()?;
    let show = format!("{SHOW}; echo new >/data/file");
    let bundle = with_data(&root, &show)?;
    let file = bundle.rootfs().join("data/file");
    let script_time = fs::metadata(&file)?.mtime();
    let bundle = bundle.with_mount("tmpfs", "tmpfs", "/data", &["tmpcopyup"]);
    let copied = root.start_container("b", &bundle)?.output()?;
    // All but the last line, which is the time of each.
    let without_times = |text: &str| text.trim_end().rsplit_once('\n').map(|two| two.0.to_owned());
    let comparable = |text: &str| -> Result<Vec<String>> {
        let text = without_times(text).context("no lines")?;
        // The sizes of directories are those of their file systems.
        let fields = |line: &str| match line.split_once(" directory ") {
            Some((line, _size)) => line.to_owned(),
            None => line.to_owned(),
        };
        Ok(text.lines().map(fields).collect())
    };
    assert_eq!(comparable(&copied)?, comparable(&plain)?);
    assert!(copied.ends_with(&format!("{script_time}\n")), "{copied}");
    assert_eq!(fs::read_to_string(file)?.len(), 40_000, "the original");
    Ok(())
}

#[test]
fn a_tmpfs_that_copies_up_can_be_read_only_and_have_a_mode() -> Result<()> {
    let root = Root::new()?;
    let script = "touch /data/new 2>/dev/null && echo written; stat -c %a /data; ls /data";
    let bundle = with_data(&root, script)?;
    let bundle = bundle.with_mount("tmpfs", "tmpfs", "/data", &["ro", "tmpcopyup", "mode=711"]);
    let output = root.start_container("c", &bundle)?.output()?;
    assert_eq!(output, "711\nbelow\ndangling\nfile\nlink\n");
    Ok(())
}

#[test]
fn a_tmpfs_has_the_mode_of_what_it_covers() -> Result<()> {
    let root = Root::new()?;
    for (options, mode) in [(&[][..], "1770"), (&["mode=700"], "700")] {
        let bundle = root.shell("stat -c %a /data")?;
        fs::create_dir(bundle.rootfs().join("data"))?;
        let permissions = Permissions::from_mode(0o1770);
        fs::set_permissions(bundle.rootfs().join("data"), permissions)?;
        let bundle = bundle.with_mount("tmpfs", "tmpfs", "/data", options);
        let container = root.start_container(&format!("c{mode}"), &bundle)?;
        assert_eq!(container.output()?.trim(), mode);
    }
    Ok(())
}

#[test]
fn a_remount_changes_what_its_options_name() -> Result<()> {
    let root = Root::new()?;
    let shown = "grep -E ' /(with|temp) ' /proc/self/mountinfo | cut -d' ' -f5,6; \
                 grep ' /temp ' /proc/self/mountinfo | grep -o size=[0-9]*k";
    let source = root.file("source");
    fs::create_dir(&source)?;
    let bundle = root
        .shell(shown)?
        .with_mount("bind", source.to_str().context("a path")?, "/with", &["bind", "nosuid"])
        .with_mount("tmpfs", "tmpfs", "/temp", &["size=64k", "nodev"])
        .with("/mounts/-", json!({ "destination": "/with", "options": ["remount", "bind", "ro"] }))
        .with("/mounts/-", json!({ "destination": "/temp", "options": ["remount", "size=128k"] }))
        .with("/mounts/-", json!({ "destination": "/temp", "options": ["remount", "noexec"] }));
    let container = root.start_container("c", &bundle)?;
    let output = container.output()?;
    assert_eq!(output, "/with ro,nosuid,relatime\n/temp rw,nodev,noexec,relatime\nsize=128k\n");
    Ok(())
}

#[test]
fn a_remount_of_nothing_is_named() -> Result<()> {
    let root = Root::new()?;
    let mount = json!({ "destination": "/bin", "options": ["remount", "ro"] });
    let message =
        root.try_create("c", &root.bundle(&["true"])?.with("/mounts/-", mount), &[])?.refused()?;
    assert!(message.starts_with("mounts: \"bin\": mount_setattr"), "{message}");
    root.has_nothing_left()
}

#[test]
fn a_target_behind_a_link_that_leads_nowhere_is_made() -> Result<()> {
    let root = Root::new()?;
    let file = root.file("file");
    fs::write(&file, "from outside\n")?;
    let bundle = root.shell("cat /etc/resolv.conf; stat -f -c %T /var/lock /run/lock")?;
    fs::create_dir_all(bundle.rootfs().join("etc"))?;
    fs::create_dir_all(bundle.rootfs().join("var"))?;
    symlink("../run/systemd/resolve/stub.conf", bundle.rootfs().join("etc/resolv.conf"))?;
    symlink("/../../run/lock", bundle.rootfs().join("var/lock"))?;
    let bundle = bundle
        .with_mount("bind", file.to_str().context("a path")?, "/etc/resolv.conf", &["bind"])
        .with_mount("tmpfs", "tmpfs", "/var/lock", &[]);
    let rootfs = bundle.rootfs();
    let container = root.start_container("c", &bundle)?;
    assert_eq!(container.output()?, "from outside\ntmpfs\ntmpfs\n");
    assert!(rootfs.join("run/systemd/resolve/stub.conf").is_file());
    assert!(rootfs.join("etc/resolv.conf").is_symlink());
    Ok(())
}
