//! `features`: what this version can do.

use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::Root;

#[test]
fn it_says_what_callers_look_for() -> Result<()> {
    let features: Value = serde_json::from_str(&Root::new()?.run(&["features"])?.ok()?)?;
    // containerd's CRI plugin asks for these two before it uses user namespaces.
    assert_eq!(features["linux"]["mountExtensions"]["idmap"]["enabled"], json!(true));
    assert!(features["mountOptions"].as_array().unwrap().contains(&json!("rro")));
    assert_eq!(features["ociVersionMin"], json!("1.0.0"));
    assert_eq!(features["ociVersionMax"], json!("1.3.0"));
    assert_eq!(features["linux"]["cgroup"]["v1"], json!(false));
    Ok(())
}

#[test]
fn lists_are_sorted_and_name_nothing_twice() -> Result<()> {
    let features: Value = serde_json::from_str(&Root::new()?.run(&["features"])?.ok()?)?;
    for list in
        ["/mountOptions", "/linux/namespaces", "/linux/capabilities", "/linux/seccomp/archs"]
    {
        let names: Vec<_> = features.pointer(list).unwrap().as_array().unwrap().iter().collect();
        let texts: Vec<_> = names.iter().map(|name| name.as_str().unwrap()).collect();
        let sorted: Vec<_> = texts.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        assert_eq!(texts, sorted, "{list}");
    }
    Ok(())
}
