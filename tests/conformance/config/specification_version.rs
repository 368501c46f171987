//! config.md, "Specification version".

use crate::{refuses, runs};
use anyhow::{Context, Result};

#[test]
fn every_release_up_to_1_3_is_known() -> Result<()> {
    for version in ["1.0.0", "1.0.2", "1.1.0", "1.2.1", "1.3.0"] {
        runs(|bundle| bundle.with("/ociVersion", version)).context(version)?;
    }
    Ok(())
}

#[test]
fn what_comes_before_a_release_is_known() -> Result<()> {
    runs(|bundle| bundle.with("/ociVersion", "1.2.0-rc.1+dev"))
}

#[test]
fn it_is_a_semantic_version() -> Result<()> {
    refuses(|bundle| bundle.with("/ociVersion", "latest"))
}

#[test]
fn another_major_version_is_another_specification() -> Result<()> {
    refuses(|bundle| bundle.with("/ociVersion", "99.0.0"))
}

#[test]
fn it_is_required() -> Result<()> {
    refuses(|bundle| bundle.without("/ociVersion"))
}
