//! runtime-spec, features.md: what this program can do, whatever the host can.

use crate::plan::mount_options;
use crate::spec::OCI_VERSION;
use serde_json::{Value, json};

const HOOKS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

const NAMESPACES: [&str; 8] = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"];

const SECCOMP_ACTIONS: [&str; 9] = [
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];

const SECCOMP_OPERATORS: [&str; 7] = [
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_LE",
    "SCMP_CMP_LT",
    "SCMP_CMP_MASKED_EQ",
    "SCMP_CMP_NE",
];

const MEMORY_MODES: [&str; 7] = [
    "MPOL_BIND",
    "MPOL_DEFAULT",
    "MPOL_INTERLEAVE",
    "MPOL_LOCAL",
    "MPOL_PREFERRED",
    "MPOL_PREFERRED_MANY",
    "MPOL_WEIGHTED_INTERLEAVE",
];

/// Those whose system calls there is a table of.
const SECCOMP_ARCHS: [&str; 22] = [
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_MIPS",
    "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64",
    "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PARISC",
    "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",
    "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_S390X",
    "SCMP_ARCH_SH",
    "SCMP_ARCH_SHEB",
    "SCMP_ARCH_X32",
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X86_64",
];

const SECCOMP_FLAGS: [&str; 4] = [
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];

/// The features document.
#[must_use]
pub fn features() -> Value {
    let mut capabilities: Vec<_> = caps::all().iter().map(ToString::to_string).collect();
    capabilities.sort();
    json!({
        "ociVersionMin": "1.0.0",
        "ociVersionMax": OCI_VERSION,
        "hooks": HOOKS,
        "mountOptions": mount_options(),
        "linux": {
            "namespaces": NAMESPACES,
            "capabilities": capabilities,
            "cgroup": {
                "v1": false, "v2": true, "systemd": false, "systemdUser": false, "rdma": true,
            },
            "seccomp": {
                "enabled": true,
                "actions": SECCOMP_ACTIONS,
                "operators": SECCOMP_OPERATORS,
                "archs": SECCOMP_ARCHS,
                "knownFlags": SECCOMP_FLAGS,
                "supportedFlags": SECCOMP_FLAGS,
            },
            "apparmor": { "enabled": true },
            "selinux": { "enabled": true },
            "intelRdt": { "enabled": false },
            "memoryPolicy": {
                "modes": MEMORY_MODES,
                "flags": ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"],
            },
            "netDevices": { "enabled": true },
            "mountExtensions": { "idmap": { "enabled": true } },
        },
        // None that is acted on could do harm.
        "potentiallyUnsafeConfigAnnotations": [],
        "annotations": {
            "org.peapod.version": env!("CARGO_PKG_VERSION"),
            "org.peapod.commit": env!("PEAPOD_COMMIT"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::seccomp::program_of;
    use crate::spec::parse_and_check;
    use std::path::Path;

    fn strings(value: &Value) -> Vec<String> {
        value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn both_versions_are_accepted() {
        for version in ["ociVersionMin", "ociVersionMax"] {
            let mut config = crate::template(None);
            config["ociVersion"] = features()[version].clone();
            parse_and_check(Path::new("config.json"), config.to_string().as_bytes()).unwrap();
        }
    }

    #[test]
    fn every_capability_is_accepted() {
        let mut config = crate::template(None);
        let all = features()["linux"]["capabilities"].clone();
        assert!(strings(&all).contains(&"CAP_CHECKPOINT_RESTORE".to_owned()));
        config["process"]["capabilities"]["bounding"] = all;
        parse_and_check(Path::new("config.json"), config.to_string().as_bytes()).unwrap();
    }

    #[test]
    fn every_word_of_a_seccomp_profile_is_accepted() {
        let seccomp = &features()["linux"]["seccomp"];
        for arch in strings(&seccomp["archs"]) {
            let profile = json!({ "defaultAction": "SCMP_ACT_ALLOW", "architectures": [arch],
                "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO" }] });
            program_of(&profile.to_string()).unwrap();
        }
        for action in strings(&seccomp["actions"]) {
            let mut profile = json!({ "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{ "names": ["mkdir"], "action": action }] });
            if action == "SCMP_ACT_NOTIFY" {
                profile["listenerPath"] = json!("/run/agent");
            }
            program_of(&profile.to_string()).unwrap();
        }
        for op in strings(&seccomp["operators"]) {
            let args = json!([{ "index": 0, "value": 1, "valueTwo": 1, "op": op }]);
            let profile = json!({ "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{ "names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": args }] });
            program_of(&profile.to_string()).unwrap();
        }
        let profile = json!({ "defaultAction": "SCMP_ACT_ALLOW",
            "flags": seccomp["supportedFlags"] });
        program_of(&profile.to_string()).unwrap();
    }
}
