//! config.md, "Annotations".

use crate::{refuses, runs, state};
use anyhow::Result;
use serde_json::json;
use tests::Root;

#[test]
fn they_are_a_map() -> Result<()> {
    refuses(|bundle| bundle.with("/annotations", json!(["com.example.key=value"])))
}

#[test]
fn a_key_is_not_empty() -> Result<()> {
    refuses(|bundle| bundle.with("/annotations", json!({ "": "value" })))
}

#[test]
fn a_value_is_a_string() -> Result<()> {
    refuses(|bundle| bundle.with("/annotations", json!({ "com.example.key": 1 })))
}

#[test]
fn a_value_may_be_empty() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?.with("/annotations", json!({ "com.example.key": "" }));
    let _container = root.create("c", &bundle)?;
    assert_eq!(state(&root, "c")?["annotations"]["com.example.key"], "");
    Ok(())
}

#[test]
fn they_may_be_absent_or_none() -> Result<()> {
    runs(|bundle| bundle.without("/annotations"))?;
    runs(|bundle| bundle.with("/annotations", json!({})))
}

#[test]
fn a_key_that_nobody_knows_is_ignored() -> Result<()> {
    let unknown = json!({ "org.opencontainers.unheard-of": "x", "com.example.key": "y" });
    runs(|bundle| bundle.with("/annotations", unknown))
}

#[test]
fn those_of_an_image_may_be_there() -> Result<()> {
    let image = json!({
        "org.opencontainers.image.os": "linux",
        "org.opencontainers.image.architecture": "amd64",
        "org.opencontainers.image.author": "somebody",
        "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
        "org.opencontainers.image.stopSignal": "SIGQUIT",
    });
    runs(|bundle| bundle.with("/annotations", image))
}
