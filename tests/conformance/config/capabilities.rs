//! config.md, "Linux Process": capabilities.

use crate::runs;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::fs;
use tests::{Root, field_of};

/// `CAP_CHOWN` is 0, `CAP_KILL` 5, `CAP_NET_BIND_SERVICE` 10.
const ALL: [&str; 3] = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

fn status(capabilities: Value) -> Result<String> {
    let root = Root::new()?;
    let bundle = root.bundle(&["cat", "/proc/self/status"])?;
    let bundle = bundle
        .with("/process/user", json!({ "uid": 0, "gid": 0 }))
        .with("/process/capabilities", capabilities);
    root.start_container("c", &bundle)?.output()
}

fn expect(capabilities: Value, set: &str, mask: &str) -> Result<()> {
    let seen = field_of(&status(capabilities)?, set)?;
    ensure!(seen == mask, "{set} is {seen}");
    Ok(())
}

#[test]
fn the_bounding_set() -> Result<()> {
    expect(json!({ "bounding": ALL }), "CapBnd", "0000000000000421")
}

#[test]
fn the_permitted_set() -> Result<()> {
    let sets = json!({ "bounding": ALL, "permitted": ALL, "effective": ["CAP_KILL"] });
    expect(sets, "CapPrm", "0000000000000421")
}

#[test]
fn the_effective_set() -> Result<()> {
    let sets = json!({ "bounding": ALL, "permitted": ALL, "effective": ALL });
    expect(sets, "CapEff", "0000000000000421")
}

#[test]
fn the_inheritable_set() -> Result<()> {
    let sets = json!({ "bounding": ALL, "permitted": ALL, "inheritable": ["CAP_KILL"] });
    expect(sets, "CapInh", "0000000000000020")
}

#[test]
fn the_ambient_set() -> Result<()> {
    let sets = json!({
        "bounding": ALL, "permitted": ALL, "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"],
    });
    expect(sets, "CapAmb", "0000000000000020")
}

#[test]
fn what_is_not_asked_for_is_not_there() -> Result<()> {
    let status = status(json!({}))?;
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(field_of(&status, set)?, "0000000000000000", "{set}");
    }
    Ok(())
}

#[test]
fn a_name_that_is_none_is_no_failure() -> Result<()> {
    runs(|bundle| bundle.with("/process/capabilities/bounding", ["CAP_NONSENSE"]))
}

/// What a runtime warns of, on its standard error and in its log.
fn warnings(capability: &str) -> Result<String> {
    let root = Root::new()?;
    let log = root.file("log");
    let root = root.with_globals(&["--log", &log.to_string_lossy()]);
    let sets = json!({ "bounding": [capability], "permitted": [capability] });
    let bundle = root.shell("true")?.with("/process/capabilities", sets);
    let container = root.create("c", &bundle)?;
    let complaints = container.complaints();
    container.start()?;
    container.wait()?;
    Ok(complaints + &fs::read_to_string(log).unwrap_or_default())
}

#[test]
fn a_name_that_is_none_is_warned_of() -> Result<()> {
    let said = warnings("CAP_NONSENSE")?;
    ensure!(said.contains("CAP_NONSENSE"), "{said:?}");
    Ok(())
}

/// A capability that this process may not give to anybody, if there is one.
fn out_of_reach() -> Result<Option<&'static str>> {
    const NAMES: [(&str, u32); 3] =
        [("CAP_SYS_RESOURCE", 24), ("CAP_SYS_MODULE", 16), ("CAP_CHECKPOINT_RESTORE", 40)];
    let status = fs::read_to_string("/proc/self/status")?;
    let bounding = u64::from_str_radix(&field_of(&status, "CapBnd")?, 16)?;
    Ok(NAMES.iter().find(|(_, bit)| bounding >> bit & 1 == 0).map(|(name, _)| *name))
}

#[test]
fn one_that_cannot_be_granted_is_no_failure() -> Result<()> {
    let Some(name) = out_of_reach()? else {
        let test = "config::capabilities::one_that_cannot_be_granted_is_no_failure";
        return tests::skipped(test, "everything can be granted here");
    };
    runs(|bundle| {
        bundle
            .with("/process/capabilities/bounding", [name])
            .with("/process/capabilities/permitted", [name])
            .with("/process/capabilities/effective", [name])
    })
}

#[test]
fn one_that_cannot_be_granted_is_warned_of() -> Result<()> {
    let Some(name) = out_of_reach()? else {
        let test = "config::capabilities::one_that_cannot_be_granted_is_warned_of";
        return tests::skipped(test, "everything can be granted here");
    };
    let said = warnings(name)?;
    ensure!(said.contains(name), "{said:?}");
    Ok(())
}
