//! Which devices a container can use: whatever nodes it has or makes, and whatever user it is.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{Bundle, Root, device_programs};

/// Tries what is to be tried with `/dev/probe`.
const TRY: &str = "
    mknod /dev/made c 1 11 2>/dev/null && echo made
    for name in probe made; do
        [ -e /dev/$name ] || continue
        (: </dev/$name) 2>/dev/null && echo $name opens
        (: >>/dev/$name) 2>/dev/null && echo $name opens for writing
    done
    head -c 1 /dev/zero >/dev/null && echo zero";

/// A root with the right to make nodes, which has one for 1:11 already: `/dev/kmsg`, which every
/// kernel has.
fn trying(root: &Root, rules: &Value) -> Result<Bundle> {
    let node = json!([{ "path": "/dev/probe", "type": "c", "major": 1, "minor": 11 }]);
    let bundle = root.shell(TRY)?.as_root(&["CAP_MKNOD", "CAP_SYSLOG"]);
    Ok(bundle.with("/linux/devices", node).with("/linux/resources", json!({ "devices": rules })))
}

fn outcome(rules: &Value) -> Result<String> {
    let root = Root::new()?;
    let container = root.start_container("c", &trying(&root, rules)?)?;
    let output = container.output()?;
    container.delete(&[])?;
    root.has_nothing_left()?;
    Ok(output)
}

fn fuse(allow: bool, access: &str) -> Value {
    json!({ "allow": allow, "type": "c", "major": 1, "minor": 11, "access": access })
}

#[test]
fn without_rules_only_the_default_devices_open() -> Result<()> {
    // A node in linux.devices is a file and no permission.
    assert_eq!(outcome(&json!([]))?, "made\nzero\n");
    assert_eq!(outcome(&json!([{ "allow": false, "access": "rwm" }]))?, "made\nzero\n");
    Ok(())
}

#[test]
fn what_is_allowed_opens() -> Result<()> {
    let none = json!({ "allow": false, "access": "rwm" });
    let both = "made\nprobe opens\nprobe opens for writing\n\
                made opens\nmade opens for writing\nzero\n";
    assert_eq!(outcome(&json!([none, fuse(true, "rw")]))?, both);
    assert_eq!(outcome(&json!([none, fuse(true, "r")]))?, "made\nprobe opens\nmade opens\nzero\n");
    assert_eq!(outcome(&json!([{ "allow": true, "access": "rwm" }]))?, both);
    Ok(())
}

#[test]
fn what_is_denied_does_not_open_whatever_else_is_allowed() -> Result<()> {
    let all = json!({ "allow": true, "access": "rwm" });
    assert_eq!(outcome(&json!([all, fuse(false, "rw")]))?, "made\nzero\n");
    let misc = json!({ "allow": true, "type": "c", "major": 1, "access": "rw" });
    assert_eq!(outcome(&json!([misc, fuse(false, "rw")]))?, "made\nzero\n");
    Ok(())
}

#[test]
fn what_may_not_be_made_is_not_made() -> Result<()> {
    let root = Root::new()?;
    let all = json!({ "allow": true, "access": "rwm" });
    let bundle = trying(&root, &json!([all, fuse(false, "rwm")]))?.without("/linux/devices");
    assert_eq!(root.start_container("c", &bundle)?.output()?, "zero\n");
    // Nor by its init.
    let bundle = trying(&root, &json!([all, fuse(false, "rwm")]))?;
    let message = root.try_create("d", &bundle, &[])?.refused()?;
    assert!(message.contains("linux.devices: \"dev/probe\""), "{message}");
    Ok(())
}

#[test]
fn members_of_a_pod_have_their_own_devices() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let allowed = trying(&root, &json!([fuse(true, "r")]))?;
    assert_eq!(pod.output_of("a", &allowed)?, "made\nprobe opens\nmade opens\nzero\n");
    assert_eq!(pod.output_of("b", &trying(&root, &json!([]))?)?, "made\nzero\n");
    assert!(device_programs(&pod.cgroup()?)?.is_empty());
    Ok(())
}

#[test]
fn containers_of_the_same_rules_share_a_program() -> Result<()> {
    let root = Root::new()?;
    let minor = 1_000_000 + std::process::id();
    let rule = json!([{ "allow": true, "type": "b", "major": 8, "minor": minor, "access": "r" }]);
    let bundle = || -> Result<_> {
        Ok(root.bundle(&["sleep", "1000"])?.with("/linux/resources/devices", rule.clone()))
    };
    let program = |container: &tests::Container<'_>| -> Result<u32> {
        let programs = device_programs(&container.cgroup()?)?;
        assert_eq!(programs.len(), 1);
        programs.first().copied().context("no program")
    };
    let (one, two) =
        (root.start_container("a", &bundle()?)?, root.start_container("b", &bundle()?)?);
    assert_eq!(program(&one)?, program(&two)?);
    // Whoever else has that number now is not taken for it.
    let memory = std::fs::read_dir(root.state().join(".devices"))?;
    for file in memory {
        let path = file?.path();
        let mut bytes = std::fs::read(&path)?;
        let foreign = root.start_container("foreign", &root.bundle(&["sleep", "1000"])?)?;
        bytes[..4].copy_from_slice(&program(&foreign)?.to_ne_bytes());
        std::fs::write(&path, bytes)?;
        let three = root.start_container("three", &bundle()?)?;
        assert_ne!(program(&three)?, program(&foreign)?);
        three.delete(&["--force"])?;
        foreign.delete(&["--force"])?;
    }
    Ok(())
}

#[test]
fn a_rule_that_makes_no_sense_is_named() -> Result<()> {
    let root = Root::new()?;
    for (rule, expected) in [
        (json!({ "allow": true, "type": "c" }), "linux.resources.devices[0].access: \"\""),
        (json!({ "allow": true, "access": "x" }), "linux.resources.devices[0].access: \"x\""),
        (
            json!({ "allow": true, "type": "p", "access": "r" }),
            "linux.resources.devices[0].type: \"p\"",
        ),
    ] {
        let bundle = root.bundle(&["true"])?.with("/linux/resources/devices", json!([rule]));
        let message = root.try_create("c", &bundle, &[])?.refused()?;
        assert!(message.contains(expected), "{message}");
        root.has_nothing_left()?;
    }
    Ok(())
}
