//! Files that are no configuration, JSON that is none, and what is not supported.

use super::{load, parse, resources, unsupported, validate};
use crate::error::{Error, Result};
use crate::sys::Errno;
use oci_spec::runtime::Spec;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// A configuration in which everything is in order, changed by `change` (RFC 7396: null removes).
fn changed(change: Value) -> Value {
    let mut config = json!({
        "ociVersion": "1.3.0",
        "process": { "user": { "uid": 0, "gid": 0 }, "args": ["true"], "cwd": "/" },
        "root": { "path": "rootfs" },
        "hostname": "web",
        "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
        "linux": { "namespaces": [
            { "type": "pid" }, { "type": "network" }, { "type": "ipc" },
            { "type": "uts" }, { "type": "mount" }, { "type": "cgroup" },
        ] },
    });
    merge(&mut config, change);
    config
}

pub(super) fn merge(into: &mut Value, change: Value) {
    let Value::Object(changes) = change else {
        *into = change;
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let into = into.as_object_mut().unwrap();
    for (key, value) in changes {
        if value.is_null() {
            into.remove(&key);
        } else {
            merge(into.entry(key).or_insert(Value::Null), value);
        }
    }
}

fn read(text: &str) -> Result<Spec> {
    parse(Path::new("/b/config.json"), text.as_bytes())
}

/// A good configuration with a change that leaves it well-formed.
pub(super) fn parsed(change: Value) -> Spec {
    read(&changed(change).to_string()).unwrap()
}

/// Why a good configuration with a change is refused, if it is.
pub(super) fn refusal(change: Value) -> Option<String> {
    let spec = parsed(change);
    let checked = validate::check(&spec).and_then(|()| unsupported::check(&spec));
    checked.err().map(|error| error.to_string())
}

#[track_caller]
fn assert_text(text: &str, line: &str) {
    assert_eq!(read(text).unwrap_err().to_string(), line);
}

#[track_caller]
fn assert_type(change: Value, line: &str) {
    let message = read(&changed(change).to_string()).unwrap_err().to_string();
    let (without_place, place) = message.rsplit_once("line 1 column ").unwrap();
    assert!(place.trim_end_matches(')').parse::<u32>().is_ok(), "{message}");
    assert_eq!(without_place.trim_end_matches(" ("), line);
}

#[test]
fn a_text_that_is_no_object_is_refused() {
    for (text, found) in [
        ("", "empty"),
        (" \n", "empty"),
        ("null", "begins with 'n'"),
        ("[]", "begins with '['"),
        ("\0\0\0", "begins with '\\0'"),
        (&"[".repeat(100_000), "begins with '['"),
    ] {
        assert_text(text, &format!("/b/config.json: {found}: expected an object, in JSON"));
    }
}

#[test]
fn a_text_that_is_not_json_is_refused_with_its_place() {
    for (text, line) in [
        ("{", "line 1 column 1: EOF while parsing an object"),
        ("{\"root\":\n {\"path\": \"x\"", "line 2 column 13: EOF while parsing an object"),
        ("{\"a\": 1,}", "line 1 column 9: trailing comma"),
        ("{}\n{}", "line 2 column 1: trailing characters"),
        ("{\"a\": tru\0}", "line 1 column 10: expected ident"),
        ("{'a': 1}", "line 1 column 2: key must be a string"),
    ] {
        assert_text(text, &format!("/b/config.json: {line}"));
    }
    let deep = format!("{{\"x\": {}", "[".repeat(100_000));
    assert_text(&deep, "/b/config.json: line 1 column 133: recursion limit exceeded");
}

#[test]
fn every_truncated_text_is_refused() {
    let whole = changed(json!({ "annotations": { "a": "\u{e9}\n" } })).to_string();
    for end in 0..whole.len() {
        let error =
            parse::<Spec>(Path::new("/b/config.json"), &whole.as_bytes()[..end]).unwrap_err();
        assert!(error.to_string().starts_with("/b/config.json: "), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_refused() {
    let error =
        parse::<Spec>(Path::new("/b/config.json"), b"{\"hostname\": \"\xff\"}").unwrap_err();
    let line = "/b/config.json: line 1 column 15: invalid unicode code point";
    assert_eq!(error.to_string(), line);
}

#[test]
fn a_key_given_twice_is_refused() {
    for (text, line) in [
        ("{\"process\": null,\n \"process\": null}", "process: given twice: line 2 column 10"),
        (
            r#"{"annotations": {"a": "1", "a": "2"}}"#,
            "annotations.a: given twice: line 1 column 30",
        ),
        (r#"{"unknown": [{"a": 1, "a": 1}]}"#, "unknown[0].a: given twice: line 1 column 25"),
        (r#"{"windows": 1, "windows": 1}"#, "windows: given twice: line 1 column 24"),
    ] {
        assert_text(text, line);
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_its_path() {
    for (change, line) in [
        (
            json!({ "process": { "args": "sh" } }),
            r#"process.args: string "sh": expected a sequence"#,
        ),
        (json!({ "process": [] }), "process: sequence: expected an object"),
        (json!({ "root": ["rootfs"] }), "root: sequence: expected an object"),
        (json!({ "process": { "cwd": null } }), "process.cwd: missing: required"),
        (json!({ "process": { "user": null } }), "process.user: missing: required"),
        (
            json!({ "process": { "user": { "uid": -1 } } }),
            "process.user.uid: integer `-1`: expected u32",
        ),
        (
            json!({ "process": { "user": { "gid": 4_294_967_296_u64 } } }),
            "process.user.gid: integer `4294967296`: expected u32",
        ),
        (
            json!({ "process": { "capabilities": { "bounding": ["CAP_KILL", "CAP_ZZ"] } } }),
            "process.capabilities.bounding[1]: CAP_ZZ: unknown capability",
        ),
        (json!({ "mounts": [{ "type": "tmpfs" }] }), "mounts[0].destination: missing: required"),
        (
            json!({ "linux": { "devices": [{ "path": "/dev/x" }] } }),
            "linux.devices[0].type: missing: required",
        ),
        (json!({ "hostname": 1 }), "hostname: integer `1`: expected a string"),
    ] {
        assert_type(change, line);
    }
    for (change, beginning) in [
        (
            json!({ "process": { "rlimits": [{ "type": "RLIMIT_X", "soft": 1, "hard": 1 }] } }),
            "process.rlimits[0].type: `RLIMIT_X`: unknown, expected one of `RLIMIT_CPU`, ",
        ),
        (
            json!({ "linux": { "namespaces": [{ "type": "x" }] } }),
            "linux.namespaces[0].type: `x`: unknown, expected one of `mount`, ",
        ),
        (
            json!({ "linux": { "devices": [{ "path": "/dev/x", "type": "q" }] } }),
            "linux.devices[0].type: `q`: unknown, expected one of `a`, `b`, `c`, `u`, `p`",
        ),
    ] {
        let line = read(&changed(change).to_string()).unwrap_err().to_string();
        assert!(line.starts_with(beginning), "{line}");
    }
}

#[test]
fn properties_that_are_unknown_or_of_other_platforms_are_ignored() {
    let change = json!({
        "x": { "y": [1, { "z": null }] }, "windows": "nonsense", "vm": {}, "freebsd": { "jail": 1 },
        "solaris": 1, "zos": [], "uidMappings": 1, "process": { "future": 1.5 },
    });
    assert_eq!(refusal(change), None);
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let change = json!({ "linux": { "intelRdt": { "closID": "x" } } });
    let line = "linux.intelRdt: not supported by this version of peapod";
    assert_eq!(refusal(change).as_deref(), Some(line));
}

#[test]
fn what_is_empty_or_without_effect_is_accepted() {
    assert_eq!(
        refusal(json!({
            "hooks": { "prestart": [], "poststop": [] },
            "process": { "terminal": false, "apparmorProfile": "", "execCPUAffinity": {},
                "consoleSize": { "height": 1, "width": 1 } },
            "linux": {
                "uidMappings": [], "timeOffsets": {}, "netDevices": {}, "mountLabel": "",
                "intelRdt": {},
                "resources": {
                    "devices": [], "blockIO": {}, "hugepageLimits": [], "rdma": {},
                    "network": { "classID": 1 },
                    "memory": { "swappiness": 60, "kernel": 1, "kernelTCP": 1,
                        "disableOOMKiller": false, "useHierarchy": true },
                    "cpu": { "cpus": "", "mems": "", "realtimeRuntime": 0, "realtimePeriod": 0 },
                },
            },
        })),
        None
    );
}

#[test]
fn limits_in_a_file_of_their_own_are_read_as_strictly() {
    let path = Path::new("limits");
    let refusal = |text: &str| resources(path, text.as_bytes()).unwrap_err().to_string();
    assert!(resources(path, br#"{ "pids": { "limit": 7 } }"#).is_ok());
    for (text, line) in [
        ("", "limits: empty: expected an object, in JSON"),
        ("[]", "limits: begins with '[': expected an object, in JSON"),
        (r#"{ "pids": { "limit": 1, "limit": 2 } }"#, "pids.limit: given twice: line 1 column 31"),
        (
            r#"{ "memory": { "limit": "1" } }"#,
            "memory.limit: string \"1\": expected i64 (line 1 column 26)",
        ),
    ] {
        assert_eq!(refusal(text), line);
    }
}

/// A bundle on disk, removed at the end.
struct Bundle(PathBuf);

impl Bundle {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("peapod-spec-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn config(&self) -> PathBuf {
        self.0.join("config.json")
    }

    #[track_caller]
    fn assert_refused(&self, reason: &str) {
        let line = format!("config.json: {}: {reason}", self.config().display());
        assert_eq!(load(&self.0).unwrap_err().to_string(), line);
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn a_bundle_is_a_directory() {
    let bundle = Bundle::new("directory");
    let missing = bundle.0.join("x");
    let line = format!("bundle: {}: no such directory", missing.display());
    assert_eq!(load(&missing).unwrap_err().to_string(), line);
    fs::write(&missing, "").unwrap();
    let line = format!("bundle: {}: not a directory", missing.display());
    assert_eq!(load(&missing).unwrap_err().to_string(), line);
}

#[test]
fn a_configuration_is_read_through_a_symbolic_link() {
    let bundle = Bundle::new("link");
    fs::write(bundle.0.join("real"), changed(json!({})).to_string()).unwrap();
    symlink("real", bundle.config()).unwrap();
    assert!(load(&bundle.0).is_ok());
}

#[test]
fn a_configuration_that_is_missing_or_too_large_is_refused() {
    let bundle = Bundle::new("size");
    bundle.assert_refused("no such file");
    fs::File::create_new(bundle.config()).unwrap().set_len(1 << 30).unwrap();
    bundle.assert_refused("larger than 4 MiB");
}

#[test]
fn a_configuration_that_is_not_a_file_is_refused() {
    let bundle = Bundle::new("special");
    fs::create_dir(bundle.config()).unwrap();
    bundle.assert_refused("not a regular file");
    fs::remove_dir(bundle.config()).unwrap();
    symlink("/dev/zero", bundle.config()).unwrap();
    bundle.assert_refused("not a regular file");
    fs::remove_file(bundle.config()).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(bundle.config()).status().unwrap();
    assert!(fifo.success());
    bundle.assert_refused("not a regular file");
    fs::remove_file(bundle.config()).unwrap();
    let _socket = UnixListener::bind(bundle.config()).unwrap();
    bundle.assert_refused("not a regular file");
    fs::remove_file(bundle.config()).unwrap();
    symlink("config.json", bundle.config()).unwrap();
    let error = load(&bundle.0).unwrap_err();
    let Error::Kernel { doing, source } = error else { panic!("{error}") };
    assert_eq!((doing, source.errno()), (bundle.config().display().to_string(), Errno::ELOOP));
}
