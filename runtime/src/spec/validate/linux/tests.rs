//! Each rule of config-linux.md, and the line that it answers with.

use super::super::tests::{assert_accepted, assert_refused};
use crate::spec::tests::merge;
use serde_json::json;

#[test]
fn a_namespace_is_given_once() {
    assert_refused(
        json!({ "linux": { "namespaces": [{ "type": "ipc" }, { "type": "ipc", "path": "/x" }] } }),
        "linux.namespaces: ipc: given twice",
    );
    assert_refused(
        json!({ "linux": { "namespaces": [{ "type": "pid", "path": "ns/pid" }] } }),
        r#"linux.namespaces[pid].path: "ns/pid": not an absolute path"#,
    );
}

#[test]
fn a_sysctl_belongs_to_a_namespace_of_the_container() {
    assert_accepted(json!({ "linux": { "sysctl": {
        "net.ipv4.conf.eth0/100.forwarding": "1",
        "net/ipv4/conf/eth0.101/forwarding": "1",
        "kernel.shmmax": "1",
        "fs.mqueue.msg_max": "1",
        "kernel.domainname": "example",
    } } }));
    for (key, reason) in [
        ("kernel.core_pattern", "belongs to no namespace: it would be the host's"),
        ("vm.swappiness", "belongs to no namespace: it would be the host's"),
        ("kernel.hostname", "is set by the field hostname"),
        ("net.../../x", "not the name of a sysctl"),
        ("net/../kernel/core_pattern", "not the name of a sysctl"),
        ("net..x", "not the name of a sysctl"),
        ("", "not the name of a sysctl"),
        ("user.max_user_namespaces", "needs a user namespace, or it would be the host's"),
    ] {
        let line = format!("linux.sysctl[{key:?}]: \"1\": {reason}");
        assert_refused(json!({ "linux": { "sysctl": { key: "1" } } }), &line);
    }
    for (key, name) in [
        ("kernel.msgmax", "an IPC"),
        ("fs/mqueue/msg_max", "an IPC"),
        ("net.core.somaxconn", "a network"),
    ] {
        let change = json!({ "hostname": null, "linux": {
            "namespaces": [{ "type": "mount" }], "sysctl": { key: "1" },
        } });
        let reason = format!("needs {name} namespace, or it would be the host's");
        assert_refused(change, &format!("linux.sysctl[{key:?}]: \"1\": {reason}"));
    }
    let (dots, slashes) = ("net.ipv4.ip_forward", "net/ipv4/ip_forward");
    assert_refused(
        json!({ "linux": { "sysctl": { dots: "1", slashes: "0" } } }),
        &format!("linux.sysctl[{slashes:?}]: given twice: also as {dots:?}"),
    );
}

#[test]
fn a_device_is_one_node_at_an_absolute_path() {
    assert_accepted(json!({ "linux": { "devices": [
        { "path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o7777 },
        { "path": "/dev/fifo", "type": "p" },
        { "path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200, "fileMode": 0o20666 },
    ] } }));
    for (change, line) in [
        (json!({ "path": "dev/x" }), r#"linux.devices.path: "dev/x": not an absolute path"#),
        (json!({ "path": null }), r#"linux.devices.path: "": not an absolute path"#),
        (
            json!({ "path": "/dev/../../../tmp/x" }),
            r#"linux.devices.path: "/dev/../../../tmp/x": not the path of a device"#,
        ),
        (json!({ "path": "/" }), r#"linux.devices.path: "/": not the path of a device"#),
        (json!({ "type": "a" }), r#"linux.devices[/dev/x].type: "a": means all devices, not one"#),
        (json!({ "minor": -1 }), "linux.devices[/dev/x].minor: -1: not the number of a device"),
        (
            json!({ "fileMode": 0o10000 }),
            "linux.devices[/dev/x].fileMode: 4096: not within 0 and 4095 (octal 7777)",
        ),
        (
            json!({ "uid": 4_294_967_295_u32 }),
            "linux.devices[/dev/x].uid: 4294967295: means \"no change\" to the kernel, not an id",
        ),
    ] {
        let mut device = json!({ "path": "/dev/x", "type": "c", "major": 1, "minor": 3 });
        merge(&mut device, change);
        assert_refused(json!({ "linux": { "devices": [device] } }), line);
    }
}

#[test]
fn a_cgroups_path_stays_where_it_is_told() {
    for good in ["/a/b", "a/b", "", "system.slice:runc:x"] {
        assert_accepted(json!({ "linux": { "cgroupsPath": good } }));
    }
    let long = format!("/{}", "x".repeat(256));
    assert_accepted(json!({ "linux": { "cgroupsPath": "/x".repeat(255) } }));
    let deep = "/x".repeat(256);
    for (path, reason) in [
        ("/../../../x", "must not contain .."),
        ("a/..", "must not contain .."),
        ("/", "the root cgroup is not one for a container"),
        ("/a\nb", "contains a control character"),
        ("/a\0", "contains a control character"),
        (&long, "has a name of more than 255 bytes"),
        (&deep, "has more than 255 parts"),
    ] {
        let line = format!("linux.cgroupsPath: {path:?}: {reason}");
        assert_refused(json!({ "linux": { "cgroupsPath": path } }), &line);
    }
}

#[test]
fn a_propagation_is_one_of_four() {
    for good in ["", "private", "rslave", "shared", "unbindable"] {
        assert_accepted(json!({ "linux": { "rootfsPropagation": good } }));
    }
    for bad in ["bogus", "r", "rrslave"] {
        let line = format!(
            "linux.rootfsPropagation: {bad:?}: not one of private, shared, slave and unbindable"
        );
        assert_refused(json!({ "linux": { "rootfsPropagation": bad } }), &line);
    }
}
