//! config.json that is not what it should be.

use crate::refused;
use anyhow::{Context, Result};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use tests::Root;

/// Tries to create a container from a bundle that has nothing but what `make` makes of its
/// config.json; answers with the complaint.
fn complaint(make: impl FnOnce(&Path) -> Result<()>) -> Result<String> {
    let root = Root::new()?;
    let bundle = root.file("bad");
    fs::create_dir(&bundle)?;
    make(&bundle.join("config.json"))?;
    let path = bundle.to_str().context("the path of the bundle")?;
    let message = root.run(&["create", "--bundle", path, &root.id("c")])?.refused()?;
    root.has_nothing_left()?;
    Ok(message)
}

fn complaint_about(text: &[u8]) -> Result<String> {
    complaint(|path| Ok(fs::write(path, text)?))
}

#[test]
fn a_missing_file_is_named() -> Result<()> {
    let message = complaint(|_| Ok(()))?;
    assert!(message.contains("config.json: no such file"), "{message}");
    Ok(())
}

#[test]
fn a_missing_bundle_is_named() -> Result<()> {
    let root = Root::new()?;
    let message = root.run(&["create", "-b", "/nowhere", &root.id("c")])?.refused()?;
    assert!(message.contains("/nowhere"), "{message}");
    let message = root.run(&["create", "-b", "/dev/null", &root.id("c")])?.refused()?;
    assert!(message.contains("/dev/null") && message.contains("not a directory"), "{message}");
    root.has_nothing_left()
}

#[test]
fn what_is_not_json_is_said_with_its_place() -> Result<()> {
    let deep = "[".repeat(100_000);
    let deep_in = format!("{{\"unknown\": {deep}");
    for (text, parts) in [
        ("", &["empty"][..]),
        (" \n", &["empty"]),
        ("null", &["expected an object"]),
        ("[]", &["expected an object"]),
        ("\0\0\0", &["expected an object"]),
        ("{", &["line 1 column 1"]),
        ("{\n  \"ociVersion\": \"1.", &["line 2"]),
        ("{\n  \"ociVersion\": \"1.\0\"}", &["line 2"]),
        ("{} {}", &["config.json"]),
        (&deep, &["expected an object"]),
        (&deep_in, &["line 1"]),
    ] {
        let message = complaint_about(text.as_bytes())?;
        let shown: String = text.chars().take(30).collect();
        assert!(message.contains("config.json") || message.contains("ociVersion"), "{message}");
        for part in parts {
            assert!(message.contains(part), "{shown:?}: {message}");
        }
        assert!(message.len() < 500, "{shown:?}: {message}");
    }
    Ok(())
}

#[test]
fn bytes_that_are_no_text_are_refused() -> Result<()> {
    let message = complaint_about(b"{\"ociVersion\": \"\xff\xfe\"}")?;
    assert!(message.contains("config.json") || message.contains("ociVersion"), "{message}");
    Ok(())
}

#[test]
fn a_file_of_more_than_4_mib_is_not_read() -> Result<()> {
    let message = complaint(|path| {
        // Without a block on the disk.
        Ok(fs::File::options().write(true).create_new(true).open(path)?.set_len(1 << 40)?)
    })?;
    assert!(message.contains("config.json") && message.contains("4 MiB"), "{message}");
    Ok(())
}

#[test]
fn what_is_no_file_is_not_waited_for() -> Result<()> {
    let fifo = complaint(|path| Ok(mkfifo(path, Mode::S_IRWXU)?))?;
    let zero = complaint(|path| Ok(symlink("/dev/zero", path)?))?;
    let directory = complaint(|path| Ok(fs::create_dir(path)?))?;
    let socket = complaint(|path| Ok(UnixListener::bind(path).map(drop)?))?;
    for message in [fifo, zero, directory, socket] {
        assert!(message.contains("config.json"), "{message}");
        assert!(message.contains("not a regular file"), "{message}");
    }
    Ok(())
}

#[test]
fn a_link_to_itself_is_not_followed_for_ever() -> Result<()> {
    let message = complaint(|path| Ok(symlink("config.json", path)?))?;
    assert!(message.contains("config.json") && message.contains("ELOOP"), "{message}");
    Ok(())
}

#[test]
fn a_property_given_twice_is_refused() -> Result<()> {
    let message = complaint_about(b"{\"ociVersion\": \"1.0.0\", \"ociVersion\": \"1.0.0\"}")?;
    assert!(message.contains("ociVersion: given twice"), "{message}");
    Ok(())
}

#[test]
fn a_version_that_peapod_does_not_know_is_refused() -> Result<()> {
    let root = Root::new()?;
    for version in ["99.0.0", "abc", "", "1", "2.0.0"] {
        let bundle = root.bundle(&["true"])?.with("/ociVersion", version);
        refused(&root, &bundle, &["ociVersion"])?;
    }
    let bundle = root.bundle(&["true"])?.without("/ociVersion");
    refused(&root, &bundle, &["ociVersion", "missing"])
}

#[test]
fn what_this_version_cannot_do_is_refused() -> Result<()> {
    let root = Root::new()?;
    for (field, name, value) in [
        ("/process/apparmorProfile", "process.apparmorProfile", json!("x")),
        ("/process/selinuxLabel", "process.selinuxLabel", json!("a:b:c:d")),
        ("/linux/seccomp/defaultAction", "linux.seccomp", json!("SCMP_ACT_ERRNO")),
    ] {
        refused(&root, &root.bundle(&["true"])?.with(field, value), &[name])?;
    }
    Ok(())
}
