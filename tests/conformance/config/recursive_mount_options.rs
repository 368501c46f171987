//! config.md, "Linux mount options": those that are for a mount and all below it.

use crate::output;
use anyhow::{Context, Result, ensure};
use tests::Bundle;

/// Makes sure of both mounts of /sys and of the cgroup tree below it that they have an attribute,
/// or do not.
fn both(options: &[&str], word: &str, expected: bool) -> Result<()> {
    let options = [&["rbind"], options].concat();
    let bound = |bundle: Bundle| bundle.with_mount("none", "/sys", "/tmp", &options);
    let script = "awk '$5 == \"/tmp\" || $5 == \"/tmp/fs/cgroup\" { print $6 }' \
        /proc/self/mountinfo";
    let seen = output(script, bound).with_context(|| format!("{options:?}"))?;
    ensure!(seen.lines().count() == 2, "{seen}");
    for line in seen.lines() {
        let found = line.split(',').any(|option| option == word);
        ensure!(found == expected, "{options:?}: {seen}");
    }
    Ok(())
}

/// Both mounts have it.
fn have(options: &[&str], word: &str) -> Result<()> {
    both(options, word, true)
}

/// None of them has.
fn have_not(options: &[&str], word: &str) -> Result<()> {
    both(options, word, false)
}

macro_rules! options {
    ($($name:ident: $check:ident($options:expr, $word:literal);)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            $check(&$options, $word)
        })*
    };
}

options! {
    rro: have(["rro"], "ro");
    rrw: have_not(["rro", "rrw"], "ro");
    rnosuid: have(["rnosuid"], "nosuid");
    rsuid: have_not(["rnosuid", "rsuid"], "nosuid");
    rnodev: have(["rnodev"], "nodev");
    rdev: have_not(["rnodev", "rdev"], "nodev");
    rnoexec: have(["rnoexec"], "noexec");
    rexec: have_not(["rnoexec", "rexec"], "noexec");
    rnodiratime: have(["rnodiratime"], "nodiratime");
    rdiratime: have_not(["rnodiratime", "rdiratime"], "nodiratime");
    rnoatime: have(["rnoatime"], "noatime");
    ratime: have_not(["ratime"], "noatime");
    rrelatime: have(["rrelatime"], "relatime");
    rnorelatime: have_not(["rnorelatime"], "noatime");
    rstrictatime: have_not(["rstrictatime"], "relatime");
    rnostrictatime: have_not(["rnostrictatime"], "noatime");
    rnosymfollow: have(["rnosymfollow"], "nosymfollow");
    rsymfollow: have_not(["rnosymfollow", "rsymfollow"], "nosymfollow");
}
