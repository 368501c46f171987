//! Each rule, and the line that it answers with.

use super::super::tests::{parsed, refusal};
use serde_json::{Value, json};

/// What is said about a container whose configuration differs from a good one in `change` (RFC
/// 7396).
#[track_caller]
pub(super) fn assert_refused(change: Value, line: &str) {
    assert_eq!(refusal(change).unwrap_or_else(|| "accepted".to_owned()), line);
}

#[track_caller]
pub(super) fn assert_accepted(change: Value) {
    assert_eq!(refusal(change), None);
}

#[test]
fn the_version_must_be_one() {
    for good in ["1.0.0", "1.0.2-dev", "1.3.0", "1.3.0+dev", "1.99.0-rc.1"] {
        assert_accepted(json!({ "ociVersion": good }));
    }
    assert_refused(json!({ "ociVersion": null }), "ociVersion: missing: required");
    for bad in
        ["99.0.0", "0.9.0", "2.0.0", "abc", "1", "1.0", "1.0.0.0", "1.x.0", "-1.0.0", " 1.0.0"]
    {
        let line = format!(
            "ociVersion: {bad:?}: not a version of the specification that peapod knows, which are \
             1.x.y"
        );
        assert_refused(json!({ "ociVersion": bad }), &line);
    }
}

#[test]
fn there_must_be_a_program() {
    assert_refused(json!({ "process": null }), "process: missing: there is nothing to run");
    let needed = "the name of a program is needed";
    for nothing in [json!(null), json!([])] {
        assert_refused(
            json!({ "process": { "args": nothing } }),
            &format!("process.args: []: {needed}"),
        );
    }
    assert_refused(
        json!({ "process": { "args": [""] } }),
        &format!("process.args[0]: \"\": {needed}"),
    );
    assert_refused(
        json!({ "process": { "args": ["sh", "a\0b"] } }),
        r#"process.args[1]: "a\0b": contains a NUL byte"#,
    );
}

#[test]
fn the_working_directory_is_absolute() {
    assert_refused(
        json!({ "process": { "cwd": "a/b" } }),
        r#"process.cwd: "a/b": not an absolute path"#,
    );
    assert_refused(json!({ "process": { "cwd": "" } }), r#"process.cwd: "": not an absolute path"#);
    assert_refused(
        json!({ "process": { "cwd": "/\0" } }),
        r#"process.cwd: "/\0": contains a NUL byte"#,
    );
}

#[test]
fn a_variable_has_a_name_and_a_value() {
    assert_accepted(json!({ "process": { "env": ["A=", "B=c=d", "A=2"] } }));
    for (variable, line) in [
        ("PATH", r#"process.env[0]: "PATH": not of the form NAME=value"#),
        ("", r#"process.env[0]: "": not of the form NAME=value"#),
        ("=x", r#"process.env[0]: "=x": the name of the variable is empty"#),
        ("A=\0", r#"process.env[0]: "A=\0": contains a NUL byte"#),
    ] {
        assert_refused(json!({ "process": { "env": [variable] } }), line);
    }
}

#[test]
fn an_id_that_the_kernel_would_ignore_is_refused() {
    let reason = "4294967295: means \"no change\" to the kernel, not an id";
    for field in ["uid", "gid"] {
        let change = json!({ "process": { "user": { field: 4_294_967_295_u32 } } });
        assert_refused(change, &format!("process.user.{field}: {reason}"));
    }
    assert_refused(
        json!({ "process": { "user": { "additionalGids": [5, 4_294_967_295_u32] } } }),
        &format!("process.user.additionalGids[1]: {reason}"),
    );
    assert_refused(
        json!({ "process": { "user": { "additionalGids": vec![0; 65_537] } } }),
        "process.user.additionalGids: 65537: more groups than 65536",
    );
    assert_accepted(json!({ "process": { "user": { "uid": 4_294_967_294_u32, "umask": 0o777 } } }));
}

#[test]
fn a_umask_has_nine_bits() {
    assert_refused(
        json!({ "process": { "user": { "umask": 0o1000 } } }),
        "process.user.umask: 512: not within 0 and 511 (octal 777)",
    );
}

#[test]
fn a_limit_is_given_once_and_not_above_the_hard_one() {
    let limit =
        |soft: u64, hard: u64| json!({ "type": "RLIMIT_NOFILE", "soft": soft, "hard": hard });
    assert_accepted(json!({ "process": { "rlimits": [limit(1, u64::MAX)] } }));
    assert_refused(
        json!({ "process": { "rlimits": [limit(1, 2), limit(1, 2)] } }),
        "process.rlimits: RLIMIT_NOFILE: given twice",
    );
    assert_refused(
        json!({ "process": { "rlimits": [limit(3, 2)] } }),
        "process.rlimits[RLIMIT_NOFILE].soft: 3: above the hard limit, 2",
    );
}

#[test]
fn the_oom_score_has_bounds() {
    assert_accepted(json!({ "process": { "oomScoreAdj": -1000 } }));
    for score in [5000, -1001] {
        let line = format!("process.oomScoreAdj: {score}: not within -1000 and 1000");
        assert_refused(json!({ "process": { "oomScoreAdj": score } }), &line);
    }
}

#[test]
fn there_must_be_a_root_and_not_that_of_the_host() {
    assert_refused(json!({ "root": null }), "root: missing: a container needs a root file system");
    assert_refused(json!({ "root": { "path": null } }), r#"root.path: "": empty"#);
    assert_refused(
        json!({ "root": { "path": "a\0" } }),
        r#"root.path: "a\0": contains a NUL byte"#,
    );
    for host in ["/", "//", "/.", "/.."] {
        let line = format!(
            "root.path: {host:?}: the root file system of the host is not one for a container"
        );
        assert_refused(json!({ "root": { "path": host } }), &line);
    }
    let joined = json!([{ "type": "mount", "path": "/proc/1/ns/mnt" }]);
    assert_accepted(json!({
        "root": null, "mounts": null, "hostname": null, "linux": { "namespaces": joined },
    }));
}

#[test]
fn a_mount_says_where_and_what() {
    assert_accepted(json!({ "mounts": [
        { "destination": "a/../../b", "type": "tmpfs" },
        { "destination": "/data", "source": "/srv", "options": ["rbind", "ro"] },
        { "destination": "/data", "type": "bind", "source": "/srv" },
    ] }));
    for (mount, line) in [
        (json!({ "destination": "" }), r#"mounts.destination: "": empty"#),
        (json!({ "destination": "/a\0" }), r#"mounts.destination: "/a\0": contains a NUL byte"#),
        (
            json!({ "destination": "/a" }),
            "mounts[/a].type: missing: needed, unless the options have bind or rbind",
        ),
        (
            json!({ "destination": "/a", "type": "none" }),
            "mounts[/a].type: missing: needed, unless the options have bind or rbind",
        ),
        (
            json!({ "destination": "/a", "type": "a/b" }),
            r#"mounts[/a].type: "a/b": not a file system type"#,
        ),
        (
            json!({ "destination": "/a", "type": "tmpfs", "options": ["mode=\0"] }),
            r#"mounts[/a].options: "mode=\0": contains a NUL byte"#,
        ),
        (
            json!({ "destination": "/a", "type": "bind", "source": "\0" }),
            r#"mounts[/a].source: "\0": contains a NUL byte"#,
        ),
    ] {
        assert_refused(json!({ "mounts": [mount] }), line);
    }
}

#[test]
fn procfs_is_not_hidden() {
    for hidden in ["/proc/self/attr", "/proc/1", "/proc/sys", "proc/../proc/sys", "/proc"] {
        let shown = hidden.replace("proc/../", "/");
        let line =
            format!("mounts.destination: {shown:?}: must not be hidden: it is part of procfs");
        assert_refused(json!({ "mounts": [{ "destination": hidden, "type": "tmpfs" }] }), &line);
    }
    assert_accepted(json!({ "mounts": [
        { "destination": "/proc", "type": "proc" },
        { "destination": "/proc/meminfo", "source": "/a", "options": ["bind"] },
        { "destination": "/process", "type": "tmpfs" },
    ] }));
}

#[test]
fn mounts_are_the_containers_own() {
    let nobodys = "needs a mount namespace, or it would change the host's mounts";
    let others = "would change the mount namespace that is joined for all who are in it";
    let joined = json!([{ "type": "mount", "path": "/proc/1/ns/mnt" }]);
    let bare = json!({ "mounts": null, "hostname": null });
    for (namespaces, reason) in [(json!([]), nobodys), (joined, others)] {
        for (mut change, field) in [
            (
                json!({ "mounts": [{ "destination": "/proc", "type": "proc" }] }),
                "mounts: \"/proc\"",
            ),
            (json!({ "linux": { "maskedPaths": ["/a"] } }), "linux.maskedPaths: \"/a\""),
            (json!({ "linux": { "readonlyPaths": ["/a"] } }), "linux.readonlyPaths: \"/a\""),
            (
                json!({ "linux": { "rootfsPropagation": "slave" } }),
                "linux.rootfsPropagation: slave",
            ),
            (json!({ "root": { "readonly": true } }), "root.readonly: true"),
            (
                json!({ "linux": { "devices": [{ "path": "/dev/x", "type": "p" }] } }),
                "linux.devices: \"/dev/x\"",
            ),
        ] {
            for (name, value) in bare.as_object().unwrap() {
                change.as_object_mut().unwrap().entry(name).or_insert_with(|| value.clone());
            }
            change["linux"]["namespaces"] = namespaces.clone();
            assert_refused(change, &format!("{field}: {reason}"));
        }
    }
}

#[test]
fn masked_and_readonly_paths_are_absolute() {
    assert_refused(
        json!({ "linux": { "maskedPaths": ["/a", "b"] } }),
        r#"linux.maskedPaths[1]: "b": not an absolute path"#,
    );
    assert_refused(
        json!({ "linux": { "readonlyPaths": ["/a\0"] } }),
        r#"linux.readonlyPaths[0]: "/a\0": contains a NUL byte"#,
    );
}

#[test]
fn a_name_needs_a_namespace_to_be_in() {
    for field in ["hostname", "domainname"] {
        assert_accepted(json!({ field: "x".repeat(64) }));
        let long = "x".repeat(65);
        assert_refused(json!({ field: long }), &format!("{field}: {long:?}: longer than 64 bytes"));
        assert_refused(
            json!({ field: "\0" }),
            &format!("{field}: {:?}: contains a NUL byte", "\0"),
        );
        let mut change =
            json!({ "hostname": null, "linux": { "namespaces": [{ "type": "mount" }] } });
        change[field] = json!("web");
        let line = format!("{field}: \"web\": needs a UTS namespace, or it would be the host's");
        assert_refused(change, &line);
    }
}

#[test]
fn an_annotation_has_a_key_and_the_stop_signal_is_a_signal() {
    assert_refused(json!({ "annotations": { "": "x" } }), r#"annotations: "x": its key is empty"#);
    let key = "org.opencontainers.image.stopSignal";
    assert_accepted(json!({ "annotations": { key: "SIGRTMIN+3", "a": "" } }));
    let line = format!("annotations[{key}]: \"SIGX\": not a signal");
    assert_refused(json!({ "annotations": { key: "SIGX" } }), &line);
}

#[test]
fn what_the_specification_calls_optional_may_be_missing() {
    let spec =
        parsed(json!({ "hostname": null, "mounts": null, "annotations": null, "linux": null }));
    assert!(super::check(&spec).is_ok());
}
