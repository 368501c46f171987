//! Where a configuration comes from, if not from the bundle.

use super::{make_sure_it_is_a_directory, parse_and_check, read};
use crate::error::{Error, Result};
use oci_spec::runtime::Spec;
use std::io::Read;
use std::path::Path;

/// Where config.json is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Config<'a> {
    /// In the bundle, under that name.
    OfBundle,
    /// At this path.
    File(&'a Path),
    /// What standard input says, up to its end.
    Stdin,
}

/// A configuration, and its text where nobody could find that in the bundle later.
pub(crate) struct Loaded {
    pub(crate) spec: Spec,
    pub(crate) text: Option<Vec<u8>>,
}

/// The configuration of a container in `bundle`, if it is valid and this version of peapod can do
/// what it asks for.
pub(crate) fn load_from(config: Config<'_>, bundle: &Path) -> Result<Loaded> {
    make_sure_it_is_a_directory(bundle)?;
    let (path, text) = match config {
        Config::OfBundle => return Ok(Loaded { spec: super::load(bundle)?, text: None }),
        Config::File(path) => (path, read("--config", path)?),
        Config::Stdin => (Path::new("standard input"), read_stdin()?),
    };
    Ok(Loaded { spec: parse_and_check(path, &text)?, text: Some(text) })
}

/// The configuration that was kept of a container.
pub(crate) fn load_kept(text: &[u8]) -> Result<Spec> {
    parse_and_check(Path::new("the configuration that was kept"), text)
}

fn read_stdin() -> Result<Vec<u8>> {
    let invalid = |reason: String| Error::invalid("--config", "standard input", reason);
    let limit = u64::try_from(super::SIZE_LIMIT).unwrap_or(u64::MAX);
    let mut text = Vec::new();
    let read = std::io::stdin().lock().take(limit + 1).read_to_end(&mut text);
    match read.map_err(|error| invalid(error.to_string()))? {
        len if len > super::SIZE_LIMIT => Err(invalid("larger than 4 MiB".to_owned())),
        _ => Ok(text),
    }
}
