//! features.md and features-linux.md: the document by its schema, and each of its claims by use.

mod claims;
mod schema;

use anyhow::{Context, Result};
use serde_json::Value;
use tests::Root;

fn document() -> Result<Value> {
    let text = Root::new()?.run(&["features"])?.ok()?;
    serde_json::from_str(&text).context("features is no JSON")
}

/// The names in a list of the document; none, where it has no such list.
fn names(pointer: &str) -> Result<Vec<String>> {
    let document = document()?;
    let list = document.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
}
