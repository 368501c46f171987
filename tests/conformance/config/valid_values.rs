//! config.md, "Valid values": a value that is none is an error.

use crate::refuses;
use anyhow::Result;
use serde_json::{Value, json};

/// A test for each field.
macro_rules! invalid {
    ($($name:ident: $field:literal = $value:expr;)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            refuses(|bundle| bundle.with($field, Value::from($value)))
        })*
    };
}

invalid! {
    process_scheduler_policy: "/process/scheduler" = json!({ "policy": "SCHED_WHENEVER" });
    process_scheduler_nice: "/process/scheduler" = json!({ "policy": "SCHED_OTHER", "nice": 99 });
    process_scheduler_flags:
        "/process/scheduler" = json!({ "policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_X"] });
    process_io_priority_class:
        "/process/ioPriority" = json!({ "class": "IOPRIO_CLASS_X", "priority": 1 });
    process_io_priority_level:
        "/process/ioPriority" = json!({ "class": "IOPRIO_CLASS_BE", "priority": 9 });
    process_oom_score_adj: "/process/oomScoreAdj" = 5000;
    process_exec_cpu_affinity: "/process/execCPUAffinity" = json!({ "initial": "x-y" });
    process_env_without_a_value: "/process/env" = json!(["PATH=/bin", "NONE"]);
    process_args_of_numbers: "/process/args" = json!([1, 2]);
    process_capabilities_as_a_list: "/process/capabilities" = json!(["CAP_KILL"]);
    linux_namespace_type: "/linux/namespaces/-" = json!({ "type": "weather" });
    linux_device_type:
        "/linux/devices" = json!([{ "type": "q", "path": "/dev/x", "major": 1, "minor": 3 }]);
    linux_rootfs_propagation: "/linux/rootfsPropagation" = "upwards";
    linux_personality_domain: "/linux/personality" = json!({ "domain": "PLAN9" });
    linux_memory_policy_mode: "/linux/memoryPolicy" = json!({ "mode": "MPOL_X", "nodes": "0" });
    linux_memory_policy_flags: "/linux/memoryPolicy" =
        json!({ "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_X"] });
    linux_memory_policy_nodes: "/linux/memoryPolicy" = json!({ "mode": "MPOL_BIND", "nodes": "x" });
    linux_seccomp_default_action:
        "/linux/seccomp" = json!({ "defaultAction": "SCMP_ACT_SHRUG" });
    linux_seccomp_architecture: "/linux/seccomp" =
        json!({ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_ABACUS"] });
    linux_seccomp_flag: "/linux/seccomp" =
        json!({ "defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_X"], "syscalls":
            [{ "names": ["reboot"], "action": "SCMP_ACT_ERRNO" }] });
    linux_seccomp_action: "/linux/seccomp" =
        json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls":
            [{ "names": ["reboot"], "action": "SCMP_ACT_SHRUG" }] });
    linux_seccomp_operator: "/linux/seccomp" =
        json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls":
            [{ "names": ["reboot"], "action": "SCMP_ACT_ERRNO", "args":
                [{ "index": 0, "value": 1, "op": "SCMP_CMP_SORT_OF" }] }] });
    linux_time_offset_clock: "/linux/timeOffsets" = json!({ "sundial": { "secs": 1 } });
    mounts_as_an_object: "/mounts" = json!({});
    hostname_of_70_bytes: "/hostname" = "x".repeat(70);
}
