//! `-info` and `-version`: what this can do. containerd asks when it starts, for each runtime, and
//! shows Kubernetes what it hears of user namespaces and of recursive read-only mounts.

use crate::proto::Any;
use crate::proto::types::{RuntimeInfo, RuntimeVersion};
use anyhow::{Context, Result};
use prost::Message;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, Read};

const NAME: &str = "io.containerd.peapod.v1";

/// JSON, as its name says (containerd/typeurl).
const FEATURES: &str = "types.containerd.io/opencontainers/runtime-spec/1/features/Features";

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// More than this are no options.
const LIMIT: u64 = 10 << 20;

pub(super) fn info() -> Result<()> {
    let mut input = Vec::new();
    io::stdin().take(LIMIT).read_to_end(&mut input).context("standard input")?;
    let options = match input.as_slice() {
        [] => None,
        input => Some(Any::decode(input).context("standard input: not runtime options")?),
    };
    super::answer(&information(options)?.encode_to_vec())
}

pub(super) fn version(name: &str) -> Result<()> {
    let revision = revision(&peapod::features());
    let text = format!("{name}:\n  Version:  {VERSION}\n  Revision: {revision}\n\n");
    super::answer(text.as_bytes())
}

fn information(options: Option<Any>) -> Result<RuntimeInfo> {
    let features = peapod::features();
    Ok(RuntimeInfo {
        name: NAME.to_owned(),
        version: Some(RuntimeVersion {
            version: VERSION.to_owned(),
            revision: revision(&features),
        }),
        options,
        features: Some(Any {
            type_url: FEATURES.to_owned(),
            value: serde_json::to_vec(&features)?,
        }),
        annotations: BTreeMap::new(),
    })
}

fn revision(features: &Value) -> String {
    features["annotations"]["org.peapod.commit"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// containerd, internal/cri/server/service.go.
    #[test]
    fn kubernetes_sees_user_namespaces_and_recursive_read_only_mounts() {
        let info = information(None).unwrap();
        let features: Value = serde_json::from_slice(&info.features.unwrap().value).unwrap();
        let has = |list: &Value, wanted: &str| {
            list.as_array().unwrap().iter().any(|entry| entry == wanted)
        };
        assert!(has(&features["mountOptions"], "rro"));
        assert!(has(&features["linux"]["namespaces"], "user"));
        assert_eq!(features["linux"]["mountExtensions"]["idmap"]["enabled"], true);
        assert_ne!(info.version.unwrap().revision, "");
    }

    #[test]
    fn options_come_back() {
        let options = Any { type_url: "x".to_owned(), value: vec![1] };
        assert_eq!(information(Some(options.clone())).unwrap().options, Some(options));
    }
}
