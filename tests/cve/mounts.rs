//! Mounts that led elsewhere.

use crate::{is_untouched, output, outside};
use anyhow::Result;
use std::fs;
use std::os::unix::fs::symlink;
use tests::Root;

#[test]
fn cve_2019_16884_a_directory_is_not_taken_for_procfs() -> Result<()> {
    let root = Root::new()?;
    let fake = root.file("fake");
    fs::create_dir_all(fake.join("self/attr"))?;
    fs::write(fake.join("self/attr/exec"), "")?;
    let bundle = root.bundle(&["true"])?.without_mount("/proc").with_mount(
        "bind",
        &fake.to_string_lossy(),
        "/proc",
        &["rbind"],
    );
    output(&root, &bundle)?;
    assert_eq!(fs::read_to_string(fake.join("self/attr/exec"))?, "");
    Ok(())
}

#[test]
fn cve_2019_19921_cve_2023_27561_cve_2023_28642_cve_2025_54867_proc_and_sys_are_no_links()
-> Result<()> {
    let root = Root::new()?;
    let outside = outside(&root)?;
    for place in ["proc", "sys"] {
        let bundle = root.bundle(&["true"])?;
        let link = bundle.rootfs().join(place);
        fs::remove_dir(&link)?;
        symlink(&outside, &link)?;
        assert_eq!(output(&root, &bundle)?, None, "/{place}");
        is_untouched(&root)?;
    }
    Ok(())
}

#[test]
fn cve_2025_52881_cve_2025_62596_no_part_of_procfs_is_covered() -> Result<()> {
    let root = Root::new()?;
    for place in ["/proc/self/attr", "/proc/1", "/proc/sys"] {
        let bundle = root.bundle(&["true"])?.with_mount("tmpfs", "tmpfs", place, &[]);
        assert_eq!(output(&root, &bundle)?, None, "{place}");
    }
    Ok(())
}

#[test]
fn cve_2019_18837_a_bind_target_that_is_a_link_stays_inside() -> Result<()> {
    let root = Root::new()?;
    let outside = outside(&root)?;
    let source = root.file("source");
    fs::write(&source, "text\n")?;
    for (name, target) in [("etc/x", "new"), ("etc/y", "canary")] {
        let bundle = root.bundle(&["true"])?.with("/root/readonly", false).with_mount(
            "bind",
            &source.to_string_lossy(),
            &format!("/{name}"),
            &["bind"],
        );
        symlink(outside.join(target), bundle.rootfs().join(name))?;
        output(&root, &bundle)?;
        is_untouched(&root)?;
    }
    Ok(())
}

#[test]
fn cve_2023_25809_the_cgroup_mount_of_the_host_is_not_writable() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("mkdir /sys/fs/cgroup/made-inside && echo made; true")?.as_root(&[]);
    let all = bundle.field("/linux/namespaces").as_array().cloned().unwrap_or_default();
    let others: Vec<_> = all.into_iter().filter(|other| other["type"] != "cgroup").collect();
    let bundle = bundle.with("/linux/namespaces", others);
    let output = output(&root, &bundle)?.unwrap_or_default();
    assert!(!output.contains("made"), "{output}");
    Ok(())
}

#[test]
fn cve_2026_115521_the_root_is_read_only_whatever_its_proc_says() -> Result<()> {
    let root = Root::new()?;
    let bundle = root
        .shell("touch /x && echo made; true")?
        .without_mount("/proc")
        .with("/linux/maskedPaths", Vec::<String>::new())
        .with("/linux/readonlyPaths", Vec::<String>::new())
        .as_root(&[]);
    for number in 0..30 {
        let directory = bundle.rootfs().join("proc/self/fd").join(number.to_string());
        fs::create_dir_all(directory)?;
    }
    let output = output(&root, &bundle)?.unwrap_or_default();
    assert!(!output.contains("made"), "{output}");
    assert!(!bundle.rootfs().join("x").exists());
    Ok(())
}
