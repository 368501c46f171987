//! `-info` and `-version`.

use crate::shim::{Bundle, NAME};
use anyhow::Result;

#[test]
fn info_is_a_message_with_name_version_options_and_features() -> Result<()> {
    let bundle = Bundle::new()?;
    let options = b"\x0a\x09x.Options\x12\x02\x08\x01";
    let (status, said) = bundle.execute("-info", options)?;
    assert!(status.success(), "{said:?}");
    let mut start = b"\x0a\x17io.containerd.peapod.v1\x12".to_vec();
    assert!(said.starts_with(&start), "{said:?}");
    // The version's length, and the version.
    let rest = &said[start.len()..];
    start = [&rest[..1 + usize::from(rest[0])], b"\x1a\x0f", options].concat();
    assert!(rest.starts_with(&start), "{said:?}");
    let features = b"types.containerd.io/opencontainers/runtime-spec/1/features/Features";
    assert!(rest.windows(features.len()).any(|window| window == features));
    Ok(())
}

#[test]
fn version_is_for_people() -> Result<()> {
    let (status, said) = Bundle::new()?.execute("-v", b"")?;
    let said = String::from_utf8(said)?;
    assert!(status.success() && said.starts_with(&format!("{NAME}:\n  Version:  ")), "{said}");
    assert!(said.contains("\n  Revision: "), "{said}");
    Ok(())
}
