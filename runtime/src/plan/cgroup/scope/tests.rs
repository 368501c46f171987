//! Scopes: what a path, limits and annotations come to.

use super::*;
use crate::plan::cgroup::Missing;
use std::collections::HashMap;

fn scope(path: &str) -> Result<Scope> {
    Scope::parse(Some(Path::new(path)), "pea")
}

fn limit(file: &str, value: &str) -> Vec<(String, Value)> {
    let write = Write {
        file: file.to_owned(),
        value: value.to_owned(),
        field: String::new(),
        if_missing: Missing::Refuse,
    };
    properties([&write]).into_iter().map(|property| (property.name, property.value)).collect()
}

fn annotated(key: &str, value: &str) -> Result<Vec<(String, Value)>> {
    let annotations = HashMap::from([(key.to_owned(), value.to_owned())]);
    let properties = of_annotations(&annotations)?;
    Ok(properties.into_iter().map(|property| (property.name, property.value)).collect())
}

#[test]
fn a_path_names_a_slice_and_a_scope() {
    for (path, slice, name) in [
        ("machine.slice:libpod:abc", "machine.slice", "libpod-abc.scope"),
        ("user-1000.slice::abc", "user-1000.slice", "abc.scope"),
        (":cri:abc", "system.slice", "cri-abc.scope"),
        ("-.slice:a:b", "-.slice", "a-b.scope"),
    ] {
        let wanted = Scope { slice: slice.to_owned(), name: name.to_owned() };
        assert_eq!(scope(path).unwrap(), wanted, "{path}");
    }
    for none in [None, Some(Path::new(""))] {
        let scope = Scope::parse(none, "pea").unwrap();
        assert_eq!(
            (scope.slice.as_str(), scope.name.as_str()),
            ("system.slice", "peapod-pea.scope")
        );
    }
}

#[test]
fn a_path_that_names_no_scope_is_refused() {
    for path in [
        "/peapod/x",
        "a:b",
        "a.slice:b:c:d",
        "a:b:c",
        "a--b.slice:c:d",
        ".slice:a:b",
        "a.slice:b/c:d",
    ] {
        let error = scope(path).unwrap_err().to_string();
        assert!(error.contains("linux.cgroupsPath") && error.contains(path), "{error}");
    }
}

#[test]
fn limits_have_their_own_words() {
    let one = |name: &str, value| vec![(name.to_owned(), value)];
    assert_eq!(limit("memory.max", "1048576"), one("MemoryMax", Value::U64(1_048_576)));
    assert_eq!(limit("memory.swap.max", "max"), one("MemorySwapMax", Value::U64(u64::MAX)));
    assert_eq!(limit("pids.max", "7"), one("TasksMax", Value::U64(7)));
    assert_eq!(limit("cpu.idle", "1"), one("CPUWeight", Value::U64(0)));
    assert_eq!(limit("cpu.idle", "0"), []);
    assert_eq!(limit("cpuset.cpus", "0-2,9"), one("AllowedCPUs", Value::Bytes(vec![7, 2])));
    assert_eq!(limit("memory.oom.group", "1"), one("OOMPolicy", Value::Text("kill".to_owned())));
    assert_eq!(limit("hugetlb.2MB.max", "5"), []);
    assert_eq!(limit("io.weight", "8:0 200"), []);
}

#[test]
fn a_quota_is_rounded_up_to_what_systemd_can_say() {
    for (value, each_second, period) in [
        ("50000 100000", 500_000, 100_000),
        ("10001 100000", 110_000, 100_000),
        ("max 50000", u64::MAX, 50_000),
        ("150000 50000", 3_000_000, 50_000),
    ] {
        let wanted = [
            ("CPUQuotaPerSecUSec".to_owned(), Value::U64(each_second)),
            ("CPUQuotaPeriodUSec".to_owned(), Value::U64(period)),
        ];
        assert_eq!(limit("cpu.max", value), wanted, "{value}");
    }
}

#[test]
fn annotations_are_properties() {
    let property = |name: &str| format!("org.systemd.property.{name}");
    for (name, text, becomes, value) in [
        ("CollectMode", "'inactive'", "CollectMode", Value::Text("inactive".to_owned())),
        ("Delegate", "true", "Delegate", Value::Bool(true)),
        ("TimeoutStopUSec", "uint64 5", "TimeoutStopUSec", Value::U64(5)),
        ("TimeoutStopSec", "uint64 5", "TimeoutStopUSec", Value::U64(5_000_000)),
        ("TimeoutStopSec", "1.5", "TimeoutStopUSec", Value::U64(1_500_000)),
        ("Nice", "-3", "Nice", Value::I32(-3)),
        (
            "After",
            "['a.service', \"b\\\"c\"]",
            "After",
            Value::Texts(vec!["a.service".to_owned(), "b\"c".to_owned()]),
        ),
        ("After", "[]", "After", Value::Texts(Vec::new())),
    ] {
        let wanted = [(becomes.to_owned(), value)];
        assert_eq!(annotated(&property(name), text).unwrap(), wanted, "{name}={text}");
    }
    assert_eq!(annotated("org.example.x", "anything").unwrap(), []);
}

#[test]
fn annotations_without_a_meaning_are_refused() {
    for (name, text) in [
        ("X", "inactive"),
        ("X", "'open"),
        ("X", "'a' b"),
        ("X", "uint64 -1"),
        ("XSec", "'soon'"),
        ("XSec", "-1"),
        ("", "true"),
        ("A.B", "true"),
    ] {
        let key = format!("org.systemd.property.{name}");
        let error = annotated(&key, text).unwrap_err().to_string();
        assert!(error.contains(&key) && error.contains(text), "{error}");
    }
}

#[test]
fn only_a_slice_and_two_names_are_of_systemd() {
    for (path, is_scope) in [
        ("kubepods-burstable-pod1.slice:cri-containerd:abc", true),
        ("a.slice::b", true),
        ("/kubepods/burstable/pod1/abc", false),
        ("a.slice:b", false),
        ("a:b:c", false),
        ("", false),
    ] {
        assert_eq!(Scope::is_named_by(Path::new(path)), is_scope, "{path}");
    }
}
