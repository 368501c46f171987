//! Devices of an image that were none.

use crate::{gone, is_untouched, output, outside, without_dev};
use anyhow::Result;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use tests::{Bundle, ConsoleSocket, Container, Root};

/// Creates a container with a terminal, if the runtime makes one.
fn with_terminal<'r>(root: &'r Root, bundle: &Bundle) -> Result<Option<Container<'r>>> {
    let socket = ConsoleSocket::listen(root.file("console"))?;
    let options = ["--console-socket", socket.path()?];
    Ok(root.create_with("c", bundle, &options).ok())
}

#[test]
fn cve_2025_31133_cve_2025_62161_what_is_masked_is_not_replaced_by_an_images_null() -> Result<()> {
    let root = Root::new()?;
    let bundle = without_dev(root.shell("cat /proc/meminfo; true")?)
        .with("/linux/maskedPaths", ["/proc/meminfo"]);
    symlink("/proc/sys/kernel/core_pattern", bundle.rootfs().join("dev/null"))?;
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern")?;
    let output = output(&root, &bundle)?.unwrap_or_default();
    assert!(!output.contains(pattern.trim()), "{output}");
    Ok(())
}

#[test]
fn cve_2025_52565_the_console_is_a_terminal_of_the_container() -> Result<()> {
    let root = Root::new()?;
    let script = "stat -c %t /dev/console; test -c /dev/console";
    let bundle = root.shell(script)?.with("/process/terminal", true);
    // What the image has in the place of the console is not what is bound there.
    symlink(outside(&root)?.join("canary"), bundle.rootfs().join("dev/console"))?;
    let socket = ConsoleSocket::listen(root.file("console"))?;
    let created = root.create_with("c", &bundle, &["--console-socket", socket.path()?]);
    if let Ok(container) = created {
        let (mut terminal, _) = socket.receive()?;
        container.start()?;
        // 136 is the first major number of Unix 98 terminals.
        terminal.shows("88")?;
        gone(&container)?;
    }
    is_untouched(&root)
}

#[test]
fn cve_2026_41579_cve_2026_47766_nothing_is_made_through_a_link_at_dev() -> Result<()> {
    let root = Root::new()?;
    let outside = outside(&root)?;
    for target in [outside.to_string_lossy().into_owned(), format!("../../..{}", outside.display())]
    {
        let bundle = without_dev(root.bundle(&["true"])?);
        let link = bundle.rootfs().join("dev");
        fs::remove_dir(&link)?;
        symlink(&target, &link)?;
        output(&root, &bundle)?;
        is_untouched(&root)?;
    }
    Ok(())
}

#[test]
fn cve_2026_88264_no_file_is_made_through_a_link_at_the_console() -> Result<()> {
    let root = Root::new()?;
    let bundle = without_dev(root.bundle(&["true"])?).with("/process/terminal", true);
    symlink(outside(&root)?.join("made"), bundle.rootfs().join("dev/console"))?;
    if let Some(container) = with_terminal(&root, &bundle)? {
        gone(&container)?;
    }
    is_untouched(&root)
}

#[test]
fn cve_2026_88265_standard_output_is_not_replaced_by_an_images_null() -> Result<()> {
    let root = Root::new()?;
    let canary = outside(&root)?.join("canary");
    let owner = fs::metadata(&canary)?.uid();
    let bundle = without_dev(root.bundle(&["echo", "hi"])?)
        .with("/process/user", json!({ "uid": 1000, "gid": 1000 }))
        .with_mount("bind", &canary.to_string_lossy(), "/var/host", &["bind"]);
    symlink("/var/host", bundle.rootfs().join("dev/null"))?;
    bundle.write()?;
    // Standard output is a pipe. Whoever reads it ends with the container.
    let pipe = root.file("pipe").to_string_lossy().into_owned();
    let script = format!("mkfifo {pipe}; cat {pipe} >/dev/null & exec \"$@\" >{pipe} 2>&1");
    let path = bundle.path().to_string_lossy().into_owned();
    let args = ["create", "--bundle", &path, &root.id("c")];
    root.start_by_shell(&script, &args)?.finish()?;
    root.adopt_all()?;
    if root.run(&["start", &root.id("c")])?.status.success() {
        root.reap_what_ends()?;
    }
    root.run(&["delete", "--force", &root.id("c")])?;
    assert_eq!(fs::metadata(&canary)?.uid(), owner);
    is_untouched(&root)
}
