//! A config.json to begin with, as `spec` writes it.

use crate::sys::identity;
use serde_json::{Value, json};

/// Who a container that is not root's runs as: on the host, where it is root inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    uid: u32,
    gid: u32,
}

impl Owner {
    /// Who this process runs as.
    #[must_use]
    pub fn of_this_process() -> Self {
        let (uid, gid) = identity::effective_ids();
        Self { uid, gid }
    }
}

const CAPABILITIES: [&str; 3] = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

const MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/sys/firmware",
];

const READONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// A shell in namespaces of its own, on a read-only root file system in `rootfs`, with few
/// capabilities. For `owner`, if one is given, in a user namespace, and without what needs the
/// host's root: its own network, and limits.
#[must_use]
pub fn template(owner: Option<Owner>) -> Value {
    let mut namespaces = vec!["pid", "ipc", "uts", "mount", "cgroup"];
    namespaces.push(if owner.is_some() { "user" } else { "network" });
    let namespaces: Vec<_> = namespaces.iter().map(|kind| json!({ "type": kind })).collect();
    let mut linux = json!({
        "namespaces": namespaces,
        "maskedPaths": MASKED,
        "readonlyPaths": READONLY,
    });
    match owner {
        Some(Owner { uid, gid }) => {
            linux["uidMappings"] = json!([{ "containerID": 0, "hostID": uid, "size": 1 }]);
            linux["gidMappings"] = json!([{ "containerID": 0, "hostID": gid, "size": 1 }]);
        }
        None => {
            linux["resources"] = json!({ "devices": [{ "allow": false, "access": "rwm" }] });
        }
    }
    json!({
        "ociVersion": super::OCI_VERSION,
        "process": {
            "terminal": true,
            "user": { "uid": 0, "gid": 0 },
            "args": ["sh"],
            "env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "TERM=xterm",
            ],
            "cwd": "/",
            "capabilities": {
                "bounding": CAPABILITIES,
                "effective": CAPABILITIES,
                "permitted": CAPABILITIES,
            },
            "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024 }],
            "noNewPrivileges": true,
        },
        "root": { "path": "rootfs", "readonly": true },
        "hostname": "peapod",
        "mounts": mounts(owner.is_some()),
        "linux": linux,
    })
}

fn mounts(is_rootless: bool) -> Vec<Value> {
    let mount = |destination: &str, kind: &str, source: &str, options: &str| {
        let options: Vec<_> = options.split(',').filter(|option| !option.is_empty()).collect();
        json!({ "destination": destination, "type": kind, "source": source, "options": options })
    };
    // The group tty, 5, is mapped for the host's root alone.
    let group = if is_rootless { "" } else { ",gid=5" };
    let terminals = format!("nosuid,noexec,newinstance,ptmxmode=0666,mode=0620{group}");
    let shm = "nosuid,noexec,nodev,mode=1777,size=65536k";
    let sys = "nosuid,noexec,nodev,ro";
    vec![
        mount("/proc", "proc", "proc", ""),
        mount("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
        mount("/dev/pts", "devpts", "devpts", &terminals),
        mount("/dev/shm", "tmpfs", "shm", shm),
        mount("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
        // A sysfs shows a network, and may only be mounted by who owns that.
        if is_rootless {
            mount("/sys", "none", "/sys", &format!("rbind,{sys}"))
        } else {
            mount("/sys", "sysfs", "sysfs", sys)
        },
        mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse_and_check;
    use std::path::Path;

    #[test]
    fn it_is_a_valid_configuration() {
        for owner in [None, Some(Owner { uid: 1000, gid: 100 })] {
            let text = template(owner).to_string();
            parse_and_check(Path::new("config.json"), text.as_bytes()).unwrap();
        }
    }
}
