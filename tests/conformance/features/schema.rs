//! features.md, "Specification version" and the types of all fields: those that version 1.3.0 of
//! the specification has, by name and type, since the document must have no others.

use super::document;
use crate::runs;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Texts,
    Truth,
    Map,
    Object,
}

use Kind::{Map, Object, Text, Texts, Truth};

const FIELDS: [(&str, Kind); 37] = [
    ("/ociVersionMin", Text),
    ("/ociVersionMax", Text),
    ("/hooks", Texts),
    ("/mountOptions", Texts),
    ("/annotations", Map),
    ("/potentiallyUnsafeConfigAnnotations", Texts),
    ("/linux", Object),
    ("/linux/namespaces", Texts),
    ("/linux/capabilities", Texts),
    ("/linux/cgroup", Object),
    ("/linux/cgroup/v1", Truth),
    ("/linux/cgroup/v2", Truth),
    ("/linux/cgroup/systemd", Truth),
    ("/linux/cgroup/systemdUser", Truth),
    ("/linux/cgroup/rdma", Truth),
    ("/linux/seccomp", Object),
    ("/linux/seccomp/enabled", Truth),
    ("/linux/seccomp/actions", Texts),
    ("/linux/seccomp/operators", Texts),
    ("/linux/seccomp/archs", Texts),
    ("/linux/seccomp/knownFlags", Texts),
    ("/linux/seccomp/supportedFlags", Texts),
    ("/linux/apparmor", Object),
    ("/linux/apparmor/enabled", Truth),
    ("/linux/selinux", Object),
    ("/linux/selinux/enabled", Truth),
    ("/linux/intelRdt", Object),
    ("/linux/intelRdt/enabled", Truth),
    ("/linux/intelRdt/schemata", Truth),
    ("/linux/intelRdt/monitoring", Truth),
    ("/linux/memoryPolicy", Object),
    ("/linux/memoryPolicy/modes", Texts),
    ("/linux/memoryPolicy/flags", Texts),
    ("/linux/mountExtensions", Object),
    ("/linux/mountExtensions/idmap", Object),
    ("/linux/mountExtensions/idmap/enabled", Truth),
    ("/linux/netDevices", Object),
];

/// The last one, whose parent is above.
const LAST: (&str, Kind) = ("/linux/netDevices/enabled", Truth);

fn kind_of(pointer: &str) -> Option<Kind> {
    FIELDS.iter().chain([&LAST]).find(|(field, _)| *field == pointer).map(|(_, kind)| *kind)
}

fn is(value: &Value, kind: Kind) -> bool {
    match kind {
        Text => value.is_string(),
        Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        Truth => value.is_boolean(),
        Map => value.as_object().is_some_and(|map| map.values().all(Value::is_string)),
        Object => value.is_object(),
    }
}

/// Every field of the document with its pointer; an annotation is none.
fn fields(value: &Value, above: &str, found: &mut Vec<(String, Value)>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let pointer = format!("{above}/{name}");
        found.push((pointer.clone(), value.clone()));
        if kind_of(&pointer) == Some(Object) {
            fields(value, &pointer, found);
        }
    }
}

fn all() -> Result<Vec<(String, Value)>> {
    let mut found = Vec::new();
    fields(&document()?, "", &mut found);
    Ok(found)
}

#[test]
fn every_field_is_one_of_the_specification() -> Result<()> {
    for (pointer, _) in all()? {
        ensure!(kind_of(&pointer).is_some(), "{pointer} is none");
    }
    Ok(())
}

#[test]
fn every_field_is_of_its_type_or_null() -> Result<()> {
    for (pointer, value) in all()? {
        let Some(kind) = kind_of(&pointer) else { continue };
        ensure!(value.is_null() || is(&value, kind), "{pointer} is {value}, no {kind:?}");
    }
    Ok(())
}

#[test]
fn both_versions_are_required() -> Result<()> {
    let document = document()?;
    for field in ["ociVersionMin", "ociVersionMax"] {
        ensure!(document[field].is_string(), "{field}: {}", document[field]);
    }
    Ok(())
}

#[test]
fn both_versions_are_accepted_in_config_json() -> Result<()> {
    let document = document()?;
    for field in ["ociVersionMin", "ociVersionMax"] {
        runs(|bundle| bundle.with("/ociVersion", document[field].clone())).context(field)?;
    }
    Ok(())
}

#[test]
fn the_first_version_is_not_after_the_last() -> Result<()> {
    let document = document()?;
    let numbers = |field: &str| -> Result<Vec<u32>> {
        let text = document[field].as_str().context("no version")?;
        let release = text.split(['-', '+']).next().unwrap_or_default();
        release.split('.').map(|part| Ok(part.parse()?)).collect()
    };
    ensure!(numbers("ociVersionMin")? <= numbers("ociVersionMax")?, "{document}");
    Ok(())
}

#[test]
fn the_fields_are_known_to_the_last_version() -> Result<()> {
    // 1.3.0 brought these, 1.2.0 those of idmapped mounts and of annotations.
    let document = document()?;
    let last = document["ociVersionMax"].as_str().unwrap_or_default();
    let younger = ["/linux/netDevices", "/linux/memoryPolicy", "/linux/intelRdt/monitoring"];
    if !last.starts_with("1.3") {
        for pointer in younger {
            ensure!(document.pointer(pointer).is_none(), "{pointer} is not in {last}");
        }
    }
    Ok(())
}

#[test]
fn everything_that_1_3_0_has_a_field_for_is_said() -> Result<()> {
    let document = document()?;
    for (pointer, _) in FIELDS.iter().chain([&LAST]) {
        // What a runtime has nothing of it need not speak of.
        let optional = pointer.starts_with("/linux/intelRdt/") || *pointer == "/annotations";
        ensure!(optional || document.pointer(pointer).is_some(), "nothing is said of {pointer}");
    }
    Ok(())
}
