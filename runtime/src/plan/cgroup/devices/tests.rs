//! Rules for devices, and what remains of them.

use super::*;
use serde_json::{Value, json};

fn build(rules: &Value) -> Result<DeviceRules> {
    let rules: Vec<LinuxDeviceCgroup> = serde_json::from_value(rules.clone()).unwrap();
    DeviceRules::build(&rules)
}

/// The rules in words, without those that every container has.
#[track_caller]
fn assert_folds(rules: &Value, otherwise: Verdict, expected: &[&str]) {
    let folded = build(rules).unwrap();
    let default = DeviceRules::build(&[]).unwrap().rules;
    let own = folded.rules.iter().filter(|rule| !default.contains(rule));
    let own: Vec<_> = own.map(|rule| format!("{rule:?}")).collect();
    assert_eq!((folded.otherwise, own), (otherwise, expected.iter().map(|&s| s.into()).collect()));
}

#[test]
fn without_rules_the_default_devices_remain() {
    let folded = build(&json!([])).unwrap();
    assert_eq!(folded.otherwise, Verdict::Deny);
    let shown: Vec<_> = folded.rules.iter().map(|rule| format!("{rule:?}")).collect();
    assert_eq!(
        shown,
        [
            "allow b *:* m",
            "allow c *:* m",
            "allow c 1:3 rwm",
            "allow c 1:5 rwm",
            "allow c 1:7 rwm",
            "allow c 1:8 rwm",
            "allow c 1:9 rwm",
            "allow c 5:0 rwm",
            "allow c 5:2 rwm",
            "allow c 136:* rwm",
        ]
    );
}

#[test]
fn a_rule_for_everything_makes_those_before_it_void() {
    let fuse = json!({ "allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw" });
    let none = json!({ "allow": false, "access": "rwm" });
    let all = json!({ "allow": true, "type": "a", "major": -1, "minor": -1, "access": "mrw" });
    assert_folds(&json!([fuse, none]), Verdict::Deny, &[]);
    assert_folds(&json!([none, fuse]), Verdict::Deny, &["allow c 10:229 rw"]);
    assert!(build(&json!([none, fuse, all])).unwrap().allows_all());
}

#[test]
fn the_last_rule_that_speaks_of_a_device_decides() {
    let rule = |allow: bool, minor: i64, access: &str| json!({ "allow": allow, "type": "c", "major": 10, "minor": minor, "access": access });
    let all = json!({ "allow": true, "access": "rwm" });
    for (rules, otherwise, expected) in [
        (
            json!([rule(true, 1, "rw"), rule(false, 1, "w")]),
            Verdict::Deny,
            &["allow c 10:1 r", "deny c 10:1 w"][..],
        ),
        (json!([rule(true, 1, "r"), rule(true, 1, "w")]), Verdict::Deny, &["allow c 10:1 rw"]),
        // A hole in a wildcard: runc refuses it, since cgroup v1 could not have it.
        (
            json!([rule(true, -1, "rw"), rule(false, 229, "rw")]),
            Verdict::Deny,
            &["allow c 10:* rw", "deny c 10:229 rw"],
        ),
        (json!([all, rule(false, 229, "r")]), Verdict::Allow, &["deny c 10:229 r"]),
        (json!([all, rule(false, 1, "r"), rule(true, 1, "r")]), Verdict::Allow, &[]),
    ] {
        assert_folds(&rules, otherwise, expected);
    }
}

#[test]
fn default_devices_cannot_be_denied() {
    let dev_null = json!({ "allow": false, "type": "c", "major": 1, "minor": 3, "access": "rwm" });
    assert_folds(&json!([dev_null]), Verdict::Deny, &[]);
    assert!(build(&json!([{ "allow": true, "access": "rwm" }, dev_null])).unwrap().allows_all());
}

#[test]
fn the_order_of_what_is_allowed_makes_no_other_list() {
    let rule =
        |minor| json!({ "allow": true, "type": "b", "major": 8, "minor": minor, "access": "r" });
    let [one, two] = [1, 2].map(rule);
    assert_eq!(build(&json!([one, two])).unwrap(), build(&json!([two, one, two])).unwrap());
    // Docker's and containerd's own list of default devices adds nothing.
    let dev_null = json!({ "allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm" });
    let nodes = json!({ "allow": true, "type": "c", "access": "m" });
    let none = json!({ "allow": false, "access": "rwm" });
    assert_eq!(build(&json!([none, nodes, dev_null])).unwrap(), build(&json!([])).unwrap());
}

#[test]
fn a_rule_that_makes_no_sense_is_refused() {
    for (rule, line) in [
        (json!({ "type": "p", "access": "r" }), "type: \"p\": not one of a, b and c"),
        (json!({ "type": "u", "access": "r" }), "type: \"u\": not one of a, b and c"),
        (json!({ "type": "c" }), "access: \"\": not a combination of r, w and m"),
        (json!({ "access": "rx" }), "access: \"rx\": not a combination of r, w and m"),
        (json!({ "major": -2, "access": "r" }), "major: -2: not the number of a device"),
        (
            json!({ "minor": 4_294_967_296_i64, "access": "r" }),
            "minor: 4294967296: not the number of a device",
        ),
    ] {
        let error = build(&json!([{ "access": "r" }, rule])).unwrap_err().to_string();
        assert_eq!(error, format!("linux.resources.devices[1].{line}"));
    }
}
