//! Bundles that are not valid.

use crate::numbers::Numbers;
use serde_json::{Value, json};
use tests::Bundle;

/// What is wrong, a field, and a value that it cannot have; null, where it is missing.
type Fault = (&'static str, &'static str, Value);

/// The root and the process.
fn of_process(number: u64) -> Vec<Fault> {
    vec![
        ("a version that is none", "/ociVersion", json!("abc")),
        ("no version", "/ociVersion", Value::Null),
        ("no root", "/root", Value::Null),
        ("a root that is not there", "/root/path", json!(format!("gone{number}"))),
        ("a root that is a file", "/root/path", json!("config.json")),
        ("no arguments", "/process/args", json!([])),
        ("a program that is not there", "/process/args", json!(["/bin/gone"])),
        ("a program that is a directory", "/process/args", json!(["/etc"])),
        ("a relative cwd", "/process/cwd", json!("tmp")),
        ("no cwd", "/process/cwd", Value::Null),
        ("a cwd that is a file", "/process/cwd", json!("/bin/busybox")),
        ("a variable without a value", "/process/env", json!(["PATH=/bin", "NONE"])),
        ("a negative user", "/process/user/uid", json!(-1)),
        ("a user of 33 bits", "/process/user/uid", json!(1_u64 << 32)),
        ("a user that is none", "/process/user/uid", json!(u32::MAX)),
        (
            "an unknown limit",
            "/process/rlimits",
            json!([{ "type": "RLIMIT_X", "soft": number, "hard": number }]),
        ),
        (
            "a soft limit above the hard one",
            "/process/rlimits",
            json!([{ "type": "RLIMIT_CORE", "soft": 5, "hard": 4 }]),
        ),
        (
            "a limit twice",
            "/process/rlimits",
            json!([{ "type": "RLIMIT_CORE", "soft": 4, "hard": 4 },
                { "type": "RLIMIT_CORE", "soft": 4, "hard": 4 }]),
        ),
        ("an oom score that is none", "/process/oomScoreAdj", json!(1001 + number)),
        ("an unknown policy", "/process/scheduler", json!({ "policy": "SCHED_X" })),
        (
            "an unknown class",
            "/process/ioPriority",
            json!({ "class": "IOPRIO_CLASS_X", "priority": 1 }),
        ),
        ("a profile without AppArmor", "/process/apparmorProfile", json!("peas")),
        ("a label without SELinux", "/process/selinuxLabel", json!("a:b:c:s0")),
    ]
}

/// Mounts, namespaces, sysctls.
fn of_mounts_and_namespaces() -> Vec<Fault> {
    vec![
        ("a mount without a place", "/mounts/-", json!({ "type": "tmpfs", "source": "x" })),
        (
            "a mount of what is not there",
            "/mounts/-",
            json!({ "destination": "/x", "source": "/gone", "options": ["bind"] }),
        ),
        ("an unknown file system", "/mounts/-", json!({ "destination": "/x", "type": "peafs" })),
        (
            "an unknown option",
            "/mounts/-",
            json!({ "destination": "/tmp", "type": "tmpfs", "options": ["peas"] }),
        ),
        (
            "a mount over a part of procfs",
            "/mounts/-",
            json!({ "destination": "/proc/self/attr", "type": "tmpfs", "source": "x" }),
        ),
        ("an unknown namespace", "/linux/namespaces/-", json!({ "type": "weather" })),
        ("a namespace twice", "/linux/namespaces/-", json!({ "type": "mount" })),
        (
            "a namespace that is not there",
            "/linux/namespaces/-",
            json!({ "type": "time", "path": "/gone" }),
        ),
        ("a sysctl of the host", "/linux/sysctl", json!({ "vm.swappiness": "1" })),
        ("an unknown sysctl", "/linux/sysctl", json!({ "kernel.sem.x": "1" })),
    ]
}

/// Devices, seccomp, resources.
fn of_linux() -> Vec<Fault> {
    vec![
        (
            "an unknown kind of device",
            "/linux/devices",
            json!([{ "type": "q", "path": "/dev/x", "major": 1, "minor": 3 }]),
        ),
        ("an unknown propagation", "/linux/rootfsPropagation", json!("upwards")),
        ("an unknown personality", "/linux/personality", json!({ "domain": "PLAN9" })),
        ("an unknown action", "/linux/seccomp", json!({ "defaultAction": "SCMP_ACT_X" })),
        (
            "an errno of an action that has none",
            "/linux/seccomp",
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls":
                [{ "names": ["mkdir"], "action": "SCMP_ACT_ALLOW", "errnoRet": 5 }] }),
        ),
        (
            "a notification without a listener",
            "/linux/seccomp",
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls":
                [{ "names": ["mkdir"], "action": "SCMP_ACT_NOTIFY" }] }),
        ),
        ("a cgroup file that is none", "/linux/resources/unified", json!({ "x.max": "1" })),
        ("a memory limit below -1", "/linux/resources/memory", json!({ "limit": -2 })),
    ]
}

/// Hooks, paths, annotations, names.
fn of_the_rest(number: u64) -> Vec<Fault> {
    vec![
        ("a hook that fails", "/hooks/createRuntime", json!([{ "path": "/bin/false" }])),
        ("a hook that is not there", "/hooks/createRuntime", json!([{ "path": "/gone" }])),
        ("a hook with a relative path", "/hooks/prestart", json!([{ "path": "bin/true" }])),
        (
            "a hook with a timeout below zero",
            "/hooks/prestart",
            json!([{ "path": "/bin/true", "timeout": -1 }]),
        ),
        ("a masked path that is relative", "/linux/maskedPaths", json!(["proc/keys"])),
        ("a read-only path that is relative", "/linux/readonlyPaths", json!(["proc/sys"])),
        ("an annotation without a name", "/annotations", json!({ "": "x" })),
        ("an annotation that is a number", "/annotations", json!({ "x": number })),
        ("a host name of 70 bytes", "/hostname", json!("x".repeat(70))),
        ("a cgroup path with a NUL", "/linux/cgroupsPath", json!("/a\0b")),
    ]
}

fn faults(number: u64) -> Vec<Fault> {
    [of_process(number), of_mounts_and_namespaces(), of_linux(), of_the_rest(number)].concat()
}

/// The bundle with one fault, and what it is. All of them have their turn.
pub(crate) fn bundle(bundle: Bundle, numbers: &mut Numbers, number: u64) -> (Bundle, &'static str) {
    let faults = faults(number + numbers.below(100));
    let at = usize::try_from(number).unwrap_or_default() % faults.len();
    let (what, field, value) = faults[at].clone();
    match value {
        Value::Null => (bundle.without(field), what),
        value => (bundle.with(field, value), what),
    }
}
