//! What another container does at the right moment.

use crate::exec::attacker;
use crate::{gone, is_untouched, outside, without_dev};
use anyhow::Result;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tests::{Bundle, ConsoleSocket, Root, is_long};

fn times() -> usize {
    if is_long() { 2000 } else { 100 }
}

/// Exchanges two names again and again while `act` runs.
fn while_exchanged<T>(one: &Path, other: &Path, act: impl FnOnce() -> Result<T>) -> Result<T> {
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                let flags = RenameFlags::RENAME_EXCHANGE;
                let _ = renameat2(AT_FDCWD, one, AT_FDCWD, other, flags);
            }
        });
        let result = act();
        ends.store(true, Ordering::Relaxed);
        result
    })
}

/// A volume with a directory and a link to `target`, whose names are exchanged while `bundle` is
/// created again and again and run; `judge` looks at what each has printed.
fn raced(
    root: &Root,
    target: &Path,
    bundle: impl FnOnce(&str) -> Result<Bundle>,
    judge: impl Fn(&str) -> Result<()>,
) -> Result<()> {
    let volume = root.file("volume");
    let (place, link) = (volume.join("place"), volume.join("link"));
    fs::create_dir_all(&place)?;
    symlink(target, &link)?;
    let bundle = bundle(&volume.to_string_lossy())?;
    while_exchanged(&place, &link, || {
        for _ in 0..times() {
            // A runtime may lose the race and say so.
            let Ok(container) = root.create("c", &bundle) else {
                root.run(&["delete", "--force", &root.id("c")])?;
                continue;
            };
            if container.run(&["start"], &[])?.status.success() {
                judge(&container.output().unwrap_or_default())?;
            }
            gone(&container)?;
        }
        Ok(())
    })
}

#[test]
fn cve_2021_30465_a_mount_does_not_follow_a_link_that_was_exchanged() -> Result<()> {
    let root = Root::new()?;
    let outside = outside(&root)?;
    // What is mounted takes its files from the directory that it covers: one of the host, if the
    // link that is there at times is followed.
    let bundle = |volume: &str| {
        Ok(root
            .shell("cat /data/place/canary /data/link/canary 2>/dev/null; true")?
            .with("/root/readonly", false)
            .with_mount("bind", volume, "/data", &["rbind"])
            .with_mount("tmpfs", "tmpfs", "/data/place", &["size=64k", "tmpcopyup"]))
    };
    let judge = |said: &str| {
        anyhow::ensure!(!said.contains("secret"), "the host shows");
        Ok(())
    };
    raced(&root, &outside, bundle, judge)?;
    is_untouched(&root)
}

#[test]
fn cve_2024_45310_a_missing_place_is_not_made_behind_an_exchanged_link() -> Result<()> {
    let root = Root::new()?;
    let outside = outside(&root)?;
    let source = root.file("source");
    fs::write(&source, "text\n")?;
    let bundle = |volume: &str| {
        Ok(root
            .bundle(&["true"])?
            .with_mount("bind", volume, "/data", &["rbind"])
            .with_mount("bind", &source.to_string_lossy(), "/data/place/new", &["bind"])
            .with_mount("tmpfs", "tmpfs", "/data/place/made", &[]))
    };
    raced(&root, &outside, bundle, |_| Ok(()))?;
    is_untouched(&root)
}

#[test]
fn cve_2025_52565_the_console_is_a_terminal_whoever_exchanges_its_directory() -> Result<()> {
    let root = Root::new()?;
    let outside = outside(&root)?;
    // A /dev that is shared with others, who exchange the place of devpts for links to a file.
    let dev = root.file("dev");
    let (pts, links) = (dev.join("pts"), dev.join("links"));
    fs::create_dir_all(&pts)?;
    fs::create_dir(&links)?;
    for number in 0..20 {
        symlink("/secrets/canary", links.join(number.to_string()))?;
    }
    let bundle = without_dev(root.shell("cat /dev/console; true")?)
        .with("/process/terminal", true)
        .with_mount("bind", &outside.to_string_lossy(), "/secrets", &["bind"])
        .with_mount("bind", &dev.to_string_lossy(), "/dev", &["bind"])
        .with_mount("devpts", "devpts", "/dev/pts", &["newinstance", "ptmxmode=0666"]);
    let said = while_exchanged(&pts, &links, || {
        let mut said = String::new();
        for number in 0..times() {
            // One each: a create that fails may have connected.
            let socket = ConsoleSocket::listen(root.file(&format!("console-{number}")))?;
            let options = ["--console-socket", socket.path()?];
            let Ok(container) = root.create_with("c", &bundle, &options) else {
                root.run(&["delete", "--force", &root.id("c")])?;
                continue;
            };
            let (mut terminal, _) = socket.receive()?;
            // Typed ahead, which ends what reads from a terminal.
            terminal.types("end\n\u{4}")?;
            container.run(&["start"], &[])?;
            said.push_str(&terminal.shows("\n")?);
            gone(&container)?;
        }
        Ok(said)
    })?;
    anyhow::ensure!(!said.contains("secret"), "the console is a file: {said}");
    is_untouched(&root)
}

#[test]
fn cve_2016_9962_init_shows_nothing_of_the_host_in_a_pid_namespace_that_it_joins() -> Result<()> {
    let root = Root::new()?;
    let canary = outside(&root)?.join("canary").to_string_lossy().into_owned();
    let first = root.start_container("first", &attacker(&root, "snoop", &canary)?)?;
    first.says("ready")?;
    let path = format!("/proc/{}/ns/pid", first.pid());
    let bundle = root.bundle(&["true"])?.with_namespace("pid", Some(&path));
    for _ in 0..times() {
        let container = root.create("c", &bundle)?;
        gone(&container)?;
    }
    let said = first.says("ready")?;
    gone(&first)?;
    assert!(!said.contains("reached"), "{said}");
    Ok(())
}
