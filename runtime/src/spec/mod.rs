//! config.json: read from the bundle, parsed strictly, and held against every rule of its
//! specification.
//!
//! What passes here makes sense. Whether this host can give it is seen later, before anything is
//! made of it.

pub(crate) mod annotations;
pub(crate) mod exec;
mod explain;
mod hooks;
mod numbers;
mod older;
pub mod signal;
pub(crate) mod source;
mod strict;
mod template;
mod unsupported;
mod validate;

pub(crate) use hooks::kinds as hook_kinds;
pub(crate) use numbers::numbers;
pub use template::{Owner, template};
pub(crate) use validate::{REPLACEABLE, check_mounts, check_seccomp, stop_signal, sysctl_path};

use crate::error::{Doing, Error, Result};
use crate::sys::Errno;
use crate::sys::file::{self, OFlag};
use oci_spec::runtime::{LinuxResources, Mount, Process, Spec};
use serde::de::DeserializeOwned;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use strict::Strict;

/// The version of the runtime specification that peapod follows, as a literal.
#[macro_export]
macro_rules! oci_version {
    () => {
        "1.3.0"
    };
}

/// The version of the runtime specification that peapod follows.
pub(crate) const OCI_VERSION: &str = oci_version!();

/// The largest config.json that is read. Those of real containers have some ten kilobytes.
const SIZE_LIMIT: usize = 4 << 20;

/// The configuration in `bundle`, if it is valid and this version of peapod can do what it asks
/// for.
pub(crate) fn load(bundle: &Path) -> Result<Spec> {
    make_sure_it_is_a_directory(bundle)?;
    let path = bundle.join("config.json");
    parse_and_check(&path, &read("config.json", &path)?)
}

pub(crate) fn parse_and_check(path: &Path, text: &[u8]) -> Result<Spec> {
    let mut spec: Spec = parse(path, text)?;
    older::translate(&mut spec);
    annotations::apply(&mut spec);
    validate::check(&spec)?;
    unsupported::check(&spec)?;
    Ok(spec)
}

/// The configuration in `bundle`, if it can be parsed, and what is wrong with it: everything that
/// can be seen at once.
pub(crate) fn problems(bundle: &Path) -> (Option<Spec>, Vec<Error>) {
    let path = bundle.join("config.json");
    let text = make_sure_it_is_a_directory(bundle).and_then(|()| read("config.json", &path));
    match text.and_then(|text| parse::<Spec>(&path, &text)) {
        Err(error) => (None, vec![error]),
        Ok(mut spec) => {
            older::translate(&mut spec);
            let mut found = validate::problems(&spec);
            found.extend(unsupported::problems(&spec));
            (Some(spec), found)
        }
    }
}

/// The `linux.resources` in a text of its own; `path` is what errors call it.
pub(crate) fn resources(path: &Path, text: &[u8]) -> Result<LinuxResources> {
    parse(path, text)
}

/// The mounts in a text of their own: a list, or an object with the list as its `mounts`; `path` is
/// what errors call it.
pub(crate) fn mounts(path: &Path) -> Result<Vec<Mount>> {
    let text = read("FILE", path)?;
    let is_list = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let text = if is_list { [br#"{"mounts":"#, text.as_slice(), b"}"].concat() } else { text };
    parse(path, &text).map(|OnlyMounts { mounts }| mounts)
}

/// Only the mounts of config.json.
#[derive(serde::Deserialize)]
struct OnlyMounts {
    mounts: Vec<Mount>,
}

fn make_sure_it_is_a_directory(bundle: &Path) -> Result<()> {
    let invalid = |reason| Error::invalid("bundle", bundle.display(), reason);
    match file::open(&c_path(bundle)?, OFlag::O_PATH | OFlag::O_DIRECTORY) {
        Err(error) if error.errno() == Errno::ENOENT => Err(invalid("no such directory")),
        Err(error) if error.errno() == Errno::ENOTDIR => Err(invalid("not a directory")),
        opened => opened.doing(|| format!("bundle: {}", bundle.display())).map(drop),
    }
}

fn read(field: &str, path: &Path) -> Result<Vec<u8>> {
    let invalid = |reason: &str| Error::invalid(field, path.display(), reason);
    let doing = || path.display().to_string();
    // A FIFO without a writer would block an open without O_NONBLOCK for ever.
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let fd = match file::open(&c_path(path)?, flags) {
        Err(error) if error.errno() == Errno::ENOENT => return Err(invalid("no such file")),
        Err(error) if error.errno() == Errno::ENXIO => return Err(invalid("not a regular file")),
        opened => opened.doing(doing)?,
    };
    if !file::is_regular(&file::fstat(fd.as_fd()).doing(doing)?) {
        return Err(invalid("not a regular file"));
    }
    match file::read_to_end(fd, SIZE_LIMIT) {
        Err(error) if error.errno() == Errno::EFBIG => Err(invalid("larger than 4 MiB")),
        read => read.doing(doing),
    }
}

/// Only the process of config.json, which is what is read most often.
#[derive(serde::Deserialize)]
struct OnlyProcess {
    process: Process,
}

fn parse_process(path: &Path, text: &[u8]) -> Result<Process> {
    parse(path, text).map(|OnlyProcess { process }| process)
}

/// Parses the text of config.json, or of a part of it; `path` is what errors call it.
fn parse<T: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T> {
    if let Some(error) = explain::not_an_object(path, text) {
        return Err(error);
    }
    let mut json = serde_json::Deserializer::from_slice(text);
    let parsed = serde_path_to_error::deserialize::<_, T>(Strict::new(&mut json));
    let value = parsed.map_err(|error| explain::error(path, &error))?;
    json.end().map_err(|error| explain::syntax(path, &error))?;
    Ok(value)
}

fn c_path(path: &Path) -> Result<CString> {
    let nul = |_| Error::invalid("bundle", format!("{path:?}"), "contains a NUL byte");
    CString::new(path.as_os_str().as_bytes()).map_err(nul)
}

#[cfg(test)]
mod tests;
