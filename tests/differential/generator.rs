//! Bundles that are valid, and unlike each other.

use crate::numbers::Numbers;
use crate::probe;
use anyhow::Result;
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use tests::{Bundle, Root};

/// Changes a part of a bundle.
type Part = fn(Bundle, &mut Numbers) -> Result<Bundle>;

const PARTS: &[(&str, Part)] = &[
    ("user", user),
    ("umask", |bundle, numbers| Ok(bundle.with("/process/user/umask", numbers.below(0o1000)))),
    ("rlimits", rlimits),
    ("oomScoreAdj", |bundle, numbers| Ok(bundle.with("/process/oomScoreAdj", numbers.below(1001)))),
    ("capabilities", capabilities),
    ("noNewPrivileges", |bundle, numbers| {
        Ok(bundle.with("/process/noNewPrivileges", numbers.one_of(2)))
    }),
    ("cwd", |bundle, numbers| {
        Ok(bundle.with("/process/cwd", *numbers.pick(&["/", "/tmp", "/etc", "/proc/self", "/new"])))
    }),
    ("env", env),
    ("names", names),
    ("sysctl", sysctl),
    ("tmpfs", tmpfs),
    ("bind", bind),
    ("maskedPaths", |bundle, numbers| {
        let all = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware", "/etc"];
        Ok(bundle.with("/linux/maskedPaths", numbers.some(&all)))
    }),
    ("readonlyPaths", |bundle, numbers| {
        let all = ["/proc/sys", "/proc/bus", "/tmp", "/etc", "/gone"];
        Ok(bundle.with("/linux/readonlyPaths", numbers.some(&all)))
    }),
    ("readonly", |bundle, numbers| Ok(bundle.with("/root/readonly", numbers.one_of(2)))),
    ("devices", devices),
    ("namespaces", namespaces),
    ("time", time),
    ("scheduler", scheduler),
    ("ioPriority", |bundle, numbers| {
        let class = *numbers.pick(&["IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"]);
        let priority = numbers.below(8);
        Ok(bundle.with("/process/ioPriority", json!({ "class": class, "priority": priority })))
    }),
    ("personality", |bundle, numbers| {
        let domain = *numbers.pick(&["LINUX", "LINUX32"]);
        Ok(bundle.with("/linux/personality", json!({ "domain": domain })))
    }),
    ("rootfsPropagation", |bundle, numbers| {
        let value = *numbers.pick(&["shared", "slave", "private", "unbindable"]);
        Ok(bundle.with("/linux/rootfsPropagation", value))
    }),
    ("seccomp", seccomp),
    ("device rules", device_rules),
    ("annotations", |bundle, numbers| {
        let value = numbers.below(1000).to_string();
        Ok(bundle.with("/annotations", json!({ "com.example.number": value })))
    }),
    ("mounts less", |bundle, numbers| {
        let place = *numbers.pick(&["/dev/mqueue", "/sys/fs/cgroup", "/dev/shm"]);
        Ok(bundle.without_mount(place))
    }),
    ("cgroup mount", |bundle, _| {
        let options = ["nosuid", "noexec", "nodev"];
        let bundle = bundle.without_mount("/sys/fs/cgroup");
        Ok(bundle.with_mount("cgroup", "cgroup", "/sys/fs/cgroup", &options))
    }),
];

/// A bundle with some of these parts, and what is special about it.
pub(crate) fn bundle(root: &Root, numbers: &mut Numbers) -> Result<(Bundle, String)> {
    let mut bundle = root.shell(probe::SCRIPT)?;
    bundle = bundle.with("/process/user", json!({ "uid": 0, "gid": 0 }));
    let mut about = Vec::new();
    for (name, part) in PARTS {
        if numbers.one_of(4) {
            bundle = part(bundle, numbers)?;
            about.push(*name);
        }
    }
    if numbers.one_of(4) {
        bundle = user_namespace(bundle)?;
        about.push("user namespace");
    }
    for variable in
        [format!("HOST_NAMESPACES={}", host_namespaces()?), format!("CONTAINER={}", root.id("c"))]
    {
        bundle = bundle.with("/process/env/-", variable);
    }
    Ok((bundle, about.join(", ")))
}

fn host_namespaces() -> Result<String> {
    let kinds = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];
    let links = kinds.map(|kind| fs::read_link(format!("/proc/self/ns/{kind}")));
    let mut all = Vec::new();
    for link in links {
        all.push(link?.to_string_lossy().into_owned());
    }
    Ok(all.join(" "))
}

fn user(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let ids: Vec<_> = (0..numbers.below(4)).map(|_| numbers.below(2000)).collect();
    let user = json!({
        "uid": numbers.below(3) * 1000, "gid": numbers.below(2000), "additionalGids": ids,
    });
    Ok(bundle.with("/process/user", user))
}

fn rlimits(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let all = [
        ("RLIMIT_CORE", 1 << 20),
        ("RLIMIT_FSIZE", 1 << 30),
        ("RLIMIT_LOCKS", 1 << 10),
        ("RLIMIT_MEMLOCK", 1 << 16),
        ("RLIMIT_MSGQUEUE", 1 << 16),
        ("RLIMIT_NOFILE", 512),
        ("RLIMIT_NPROC", 2048),
        ("RLIMIT_SIGPENDING", 512),
        ("RLIMIT_STACK", 1 << 22),
    ];
    let limits = numbers.some(&all).into_iter().map(|(kind, most)| {
        let hard = most - numbers.below(100);
        json!({ "type": kind, "soft": hard - numbers.below(100), "hard": hard })
    });
    Ok(bundle.with("/process/rlimits", limits.collect::<Vec<_>>()))
}

fn capabilities(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let all = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETUID", "CAP_NET_ADMIN"];
    let bounding = numbers.some(&all);
    let permitted = numbers.some(&bounding);
    let effective = numbers.some(&permitted);
    let inheritable = numbers.some(&permitted);
    let ambient = numbers.some(&inheritable);
    let sets = json!({
        "bounding": bounding, "permitted": permitted, "effective": effective,
        "inheritable": inheritable, "ambient": ambient,
    });
    Ok(bundle.with("/process/capabilities", sets))
}

fn env(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let all = ["A=1", "B=", "C=two words", "HOME=/home", "TERM=xterm", "A=2", "LANG=C"];
    let variables = [vec!["PATH=/bin"], numbers.some(&all)].concat();
    Ok(bundle.with("/process/env", variables))
}

fn names(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let name = format!("pea{}", numbers.below(1000));
    let bundle = bundle.with("/hostname", name);
    Ok(match numbers.one_of(2) {
        true => bundle.with("/domainname", "garden.test"),
        false => bundle,
    })
}

fn sysctl(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let all = [
        ("kernel.msgmax", "9000"),
        ("kernel.shmmni", "3000"),
        ("kernel.sem", "100 200 30 40"),
        ("fs.mqueue.msg_max", "17"),
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv4.ip_default_ttl", "77"),
        ("net.ipv4.ping_group_range", "0 5"),
    ];
    let chosen = numbers.some(&all).into_iter();
    let chosen: serde_json::Map<_, _> =
        chosen.map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
    Ok(bundle.with("/linux/sysctl", chosen))
}

const ATTRIBUTES: [&str; 8] =
    ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "strictatime", "nosymfollow"];

fn tmpfs(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let special = ["size=1m", "mode=0700", "sync", "lazytime", "rshared", "rprivate"];
    let options = [numbers.some(&ATTRIBUTES), numbers.some(&special)].concat();
    let place = *numbers.pick(&["/tmp", "/new", "/var/deep/er", "/etc"]);
    Ok(bundle.with_mount("tmpfs", "peas", place, &options))
}

fn bind(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let own = bundle.path().join("own");
    fs::create_dir_all(&own)?;
    let special = ["rro", "rnosuid", "rnoexec", "rslave", "rprivate"];
    let options = [vec!["rbind"], numbers.some(&ATTRIBUTES), numbers.some(&special)].concat();
    let place = *numbers.pick(&["/tmp", "/bound", "/var/bo/und"]);
    Ok(bundle.with_mount("none", &own.to_string_lossy(), place, &options))
}

fn devices(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let all = [
        json!({ "type": "c", "path": "/dev/fuse", "major": 10, "minor": 229 }),
        json!({ "type": "c", "path": "/dev/a/b", "major": 1, "minor": 3, "fileMode": 0o640,
            "uid": 5, "gid": 6 }),
        json!({ "type": "b", "path": "/dev/loop9", "major": 7, "minor": 9, "fileMode": 0o600,
            "uid": 0, "gid": 6 }),
        json!({ "type": "p", "path": "/dev/pipe", "fileMode": 0o622, "uid": 0, "gid": 0 }),
        json!({ "type": "u", "path": "/dev/u", "major": 1, "minor": 5, "fileMode": 0o666 }),
    ];
    Ok(bundle.with("/linux/devices", numbers.some(&all)))
}

fn namespaces(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let mut without = numbers.some(&["cgroup", "network"]);
    // What is asked for of a namespace needs it.
    if bundle.field("/linux/sysctl").is_null() && bundle.field("/hostname").is_null() {
        without.extend(numbers.some(&["uts", "ipc"]));
    } else {
        without.retain(|kind| *kind != "network");
    }
    let kept: Vec<_> = bundle
        .field("/linux/namespaces")
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| !without.iter().any(|kind| one["type"] == *kind))
        .cloned()
        .collect();
    Ok(bundle.with("/linux/namespaces", kept))
}

fn time(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let offsets = json!({
        "monotonic": { "secs": numbers.below(10_000), "nanosecs": numbers.below(1000) },
        "boottime": { "secs": numbers.below(10_000) },
    });
    Ok(bundle.with_namespace("time", None).with("/linux/timeOffsets", offsets))
}

fn scheduler(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let scheduler = match numbers.below(3) {
        0 => json!({ "policy": "SCHED_OTHER", "nice": numbers.below(20) }),
        1 => json!({ "policy": "SCHED_BATCH", "nice": numbers.below(20) }),
        _ => json!({ "policy": "SCHED_IDLE" }),
    };
    Ok(bundle.with("/process/scheduler", scheduler))
}

fn seccomp(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let action = *numbers.pick(&["SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG"]);
    let mut rule = json!({ "names": ["mkdir", "mkdirat", "unheard_of"], "action": action });
    if action == "SCMP_ACT_ERRNO" {
        rule["errnoRet"] = json!(1 + numbers.below(30));
    }
    let archs = *numbers.pick(&[
        &["SCMP_ARCH_X86_64"][..],
        &["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"][..],
    ]);
    let seccomp = json!({
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": archs, "syscalls": [rule],
    });
    Ok(bundle.with("/linux/seccomp", seccomp))
}

fn device_rules(bundle: Bundle, numbers: &mut Numbers) -> Result<Bundle> {
    let all = [
        json!({ "allow": true, "type": "c", "major": 10, "minor": 229, "access": "rwm" }),
        json!({ "allow": true, "type": "c", "major": 1, "minor": 11, "access": "r" }),
        json!({ "allow": false, "type": "c", "major": 10, "minor": 200, "access": "w" }),
    ];
    let first = json!({ "allow": false, "access": "rwm" });
    let rules = [vec![first], numbers.some(&all)].concat();
    Ok(bundle.with("/linux/resources/devices", rules))
}

fn user_namespace(bundle: Bundle) -> Result<Bundle> {
    let map = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
    for place in ["", "var"] {
        chown(bundle.rootfs().join(place), Some(100_000), Some(100_000))?;
    }
    // runc opens the root as that user.
    for above in bundle.path().ancestors().take(2) {
        fs::set_permissions(above, Permissions::from_mode(0o711))?;
    }
    // What the host's network namespace has is none of this user's. Its devices are bound from the
    // host, which must have them.
    let fuse = json!([{ "type": "c", "path": "/dev/fuse", "major": 10, "minor": 229 }]);
    let bundle = match bundle.field("/linux/devices").is_null() {
        true => bundle,
        false => bundle.with("/linux/devices", fuse),
    };
    let bundle = bundle.with_namespace("network", None).with_namespace("ipc", None);
    Ok(bundle
        .with_namespace("uts", None)
        .with_namespace("cgroup", None)
        .with_namespace("user", None)
        .with("/linux/uidMappings", map.clone())
        .with("/linux/gidMappings", map))
}
