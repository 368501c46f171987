//! A root file system that is none.

use crate::refused;
use anyhow::Result;
use std::fs;
use std::os::unix::fs::symlink;
use tests::Root;

#[test]
fn one_that_is_missing_is_named() -> Result<()> {
    let root = Root::new()?;
    refused(&root, &root.bundle(&["true"])?.without("/root"), &["root", "missing"])?;
    for path in ["nowhere", "/nowhere", ""] {
        let bundle = root.bundle(&["true"])?.with("/root/path", path);
        refused(&root, &bundle, &["root.path", path])?;
    }
    Ok(())
}

#[test]
fn a_file_is_none() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?.with("/root/path", "config.json");
    refused(&root, &bundle, &["root.path", "config.json", "not a directory"])
}

#[test]
fn that_of_the_host_is_none_however_it_is_called() -> Result<()> {
    let root = Root::new()?;
    let link = root.file("link");
    symlink("/", &link)?;
    for path in ["/", "//", "/..", "/../.", "/proc/self/root", &link.to_string_lossy()] {
        let bundle = root.bundle(&["true"])?.with("/root/path", path);
        refused(&root, &bundle, &["root.path"])?;
    }
    Ok(())
}

#[test]
fn an_empty_one_has_no_program() -> Result<()> {
    let root = Root::new()?;
    let empty = root.file("empty");
    fs::create_dir(&empty)?;
    let bundle = root.bundle(&["true"])?.with("/root/path", empty.to_string_lossy().into_owned());
    refused(&root, &bundle, &["\"true\": executable file not found in $PATH"])
}
