//! Profiles of `AppArmor`, which this kernel has if it was started with it
//! (`scripts/vm.sh --security apparmor`).

use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;
use tests::{Root, skipped};

const PROFILE: &str = "profile peapod-test flags=(attach_disconnected) {
  /** rmix,
  deny /var/** w,
  capability,
}
profile peapod-other flags=(attach_disconnected) {
  /** rmix,
}
";

/// Loads two profiles, unless this kernel or this machine knows nothing of them.
fn load(root: &Root, test: &str) -> Result<bool> {
    let enabled = fs::read_to_string("/sys/module/apparmor/parameters/enabled");
    if !enabled.is_ok_and(|text| text.starts_with('Y')) {
        skipped(test, "AppArmor is not enabled on this kernel")?;
        return Ok(false);
    }
    if !Path::new("/usr/sbin/apparmor_parser").exists() {
        skipped(test, "there is no apparmor_parser")?;
        return Ok(false);
    }
    if !Path::new("/sys/kernel/security/apparmor").exists() {
        let mount = ["-t", "securityfs", "securityfs", "/sys/kernel/security"];
        ensure!(Command::new("mount").args(mount).status()?.success(), "securityfs");
    }
    let file = root.file("profile");
    fs::write(&file, PROFILE)?;
    let parser = ["--skip-cache", "--replace"];
    let loaded = Command::new("/usr/sbin/apparmor_parser").args(parser).arg(&file).output()?;
    ensure!(loaded.status.success(), "{loaded:?}");
    Ok(true)
}

const SHOW: [&str; 2] = ["cat", "/proc/self/attr/current"];

#[test]
fn a_program_is_confined_by_its_profile_and_so_is_one_that_is_added() -> Result<()> {
    let root = Root::new()?;
    if !load(&root, "a_program_is_confined_by_its_profile_and_so_is_one_that_is_added")? {
        return Ok(());
    }
    let script = "(echo x >/var/file) 2>&1; cat /proc/self/attr/current; exec sleep 1000";
    let bundle = root.shell(script)?.as_root(&[]).with("/root/readonly", false);
    let bundle = bundle.with("/process/apparmorProfile", "peapod-test");
    let container = root.start_container("c", &bundle)?;
    let seen = container.says("enforce")?;
    ensure!(seen.contains("Permission denied") && seen.contains("peapod-test (enforce)"), "{seen}");
    assert_eq!(container.exec(&[], &SHOW)?.ok()?, "peapod-test (enforce)\n");
    let other = container.exec(&["--apparmor", "peapod-other"], &SHOW)?.ok()?;
    assert_eq!(other, "peapod-other (enforce)\n");
    // A process that says nothing of a profile is not less confined.
    let file = root.file("process.json");
    let process = json!({ "user": { "uid": 0, "gid": 0 }, "cwd": "/", "args": SHOW,
        "env": ["PATH=/bin"] });
    fs::write(&file, process.to_string())?;
    let file = file.to_str().context("a path")?;
    assert_eq!(container.exec(&["--process", file], &[])?.ok()?, "peapod-test (enforce)\n");
    Ok(())
}

#[test]
fn members_of_a_pod_have_profiles_of_their_own() -> Result<()> {
    let root = Root::new()?;
    if !load(&root, "members_of_a_pod_have_profiles_of_their_own")? {
        return Ok(());
    }
    for mode in ["shared", "nested"] {
        let pod = root.sandbox(mode, &["--pid", mode])?;
        for profile in ["peapod-test", "peapod-other"] {
            let bundle = root.bundle(&SHOW)?.with("/process/apparmorProfile", profile);
            let seen = pod.output_of(&format!("{mode}-{profile}"), &bundle)?;
            assert_eq!(seen, format!("{profile} (enforce)\n"), "{mode}");
        }
    }
    Ok(())
}

#[test]
fn a_profile_that_is_not_loaded_is_named_and_nothing_is_left() -> Result<()> {
    let root = Root::new()?;
    if !load(&root, "a_profile_that_is_not_loaded_is_named_and_nothing_is_left")? {
        return Ok(());
    }
    let bundle = root.bundle(&["true"])?.with("/process/apparmorProfile", "no-such");
    let message = root.try_create("c", &bundle, &[])?.refused()?;
    let found = message.strip_prefix("process.apparmorProfile: ").context(message.clone())?;
    ensure!(found.contains("no-such") && found.contains("ENOENT"), "{message}");
    root.has_nothing_left()
}
