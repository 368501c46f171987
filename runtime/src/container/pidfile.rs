//! The pid file: a decimal number without a newline, as every caller of runc reads it.

use crate::error::{Error, Result};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Writes the pid to `path`, as a whole or not at all.
pub(super) fn write(path: &Path, pid: i32) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::invalid("--pid-file", path.display(), error.to_string())
    };
    let name = path.file_name().ok_or_else(|| failed(&"not the path of a file"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    let new = path.with_file_name(hidden);
    let written = write_new(&new, pid).and_then(|()| std::fs::rename(&new, path));
    written.map_err(|error| {
        let _nothing_left = std::fs::remove_file(&new);
        failed(&error)
    })
}

fn write_new(path: &Path, pid: i32) -> std::io::Result<()> {
    let create = || std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = match create() {
        // Of a `create` that was killed.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            create()?
        }
        created => created?,
    };
    write!(file, "{pid}")
}
