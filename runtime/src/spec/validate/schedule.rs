//! config.md, "Linux Process": scheduling; config-linux.md, "Memory policy".

use crate::error::{Error, Result};
use crate::spec::numbers;
use oci_spec::runtime::{
    ExecCPUAffinity, Linux, LinuxSchedulerPolicy, MemoryPolicyFlagType, MemoryPolicyModeType,
    Process, Scheduler,
};

pub(super) fn check(process: &Process) -> Result<()> {
    process.scheduler().as_ref().map_or(Ok(()), scheduler)?;
    if let Some(asked) = process.io_priority() {
        let priority = asked.priority();
        if !(0..=7).contains(&priority) {
            return Err(Error::invalid(
                "process.ioPriority.priority",
                priority,
                "not within 0 and 7",
            ));
        }
    }
    process.exec_cpu_affinity().as_ref().map_or(Ok(()), affinity)
}

fn scheduler(asked: &Scheduler) -> Result<()> {
    let nice = asked.nice().unwrap_or(0);
    if !(-20..=19).contains(&nice) {
        return Err(Error::invalid("process.scheduler.nice", nice, "not within -20 and 19"));
    }
    let policy = *asked.policy();
    let is_realtime =
        matches!(policy, LinuxSchedulerPolicy::SchedFifo | LinuxSchedulerPolicy::SchedRr);
    let priority = asked.priority().unwrap_or(0);
    let field = "process.scheduler.priority";
    match (is_realtime, priority) {
        (false, 0) | (true, 1..=99) => {}
        (true, _) => return Err(Error::invalid(field, priority, "not within 1 and 99")),
        (false, _) => {
            return Err(Error::invalid(field, priority, "is for SCHED_FIFO and SCHED_RR"));
        }
    }
    if policy != LinuxSchedulerPolicy::SchedDeadline {
        for (name, value) in [
            ("runtime", asked.runtime()),
            ("deadline", asked.deadline()),
            ("period", asked.period()),
        ] {
            if let Some(value) = value.filter(|value| *value != 0) {
                let field = format!("process.scheduler.{name}");
                return Err(Error::invalid(field, value, "is for SCHED_DEADLINE"));
            }
        }
    }
    Ok(())
}

fn affinity(asked: &ExecCPUAffinity) -> Result<()> {
    for (name, list) in [("initial", asked.initial()), ("final", asked.cpu_affinity_final())] {
        let list = list.as_deref().unwrap_or_default();
        if !list.is_empty() && numbers(list).is_none() {
            let field = format!("process.execCPUAffinity.{name}");
            return Err(not_a_list(&field, list));
        }
    }
    Ok(())
}

pub(super) fn memory_policy(linux: &Linux) -> Result<()> {
    let Some(asked) = linux.memory_policy() else { return Ok(()) };
    let mode = asked.mode();
    let nodes = asked.nodes().as_deref().unwrap_or_default();
    let field = "linux.memoryPolicy.nodes";
    if !nodes.is_empty() && numbers(nodes).is_none() {
        return Err(not_a_list(field, nodes));
    }
    let flags = asked.flags().as_deref().unwrap_or_default();
    let has = |flag| flags.contains(&flag);
    let invalid = |reason: &str| Err(Error::invalid(field, format!("{nodes:?}"), reason));
    match mode {
        MemoryPolicyModeType::MpolDefault | MemoryPolicyModeType::MpolLocal
            if !nodes.is_empty() =>
        {
            return invalid("must be empty with MPOL_DEFAULT and MPOL_LOCAL");
        }
        MemoryPolicyModeType::MpolBind
        | MemoryPolicyModeType::MpolInterleave
        | MemoryPolicyModeType::MpolWeightedInterleave
        | MemoryPolicyModeType::MpolPreferredMany
            if nodes.is_empty() =>
        {
            return invalid("must not be empty with this mode");
        }
        _ => {}
    }
    let field = "linux.memoryPolicy.flags";
    if has(MemoryPolicyFlagType::MpolFStaticNodes) && has(MemoryPolicyFlagType::MpolFRelativeNodes)
    {
        let reason = "exclude each other";
        return Err(Error::invalid(field, "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES", reason));
    }
    let may_balance =
        matches!(mode, MemoryPolicyModeType::MpolBind | MemoryPolicyModeType::MpolPreferredMany);
    if has(MemoryPolicyFlagType::MpolFNumaBalancing) && !may_balance {
        let reason = "is for MPOL_BIND and MPOL_PREFERRED_MANY";
        return Err(Error::invalid(field, "MPOL_F_NUMA_BALANCING", reason));
    }
    Ok(())
}

fn not_a_list(field: &str, list: &str) -> Error {
    let reason = "not a list of numbers and ranges, such as 0-3,7";
    Error::invalid(field, format!("{list:?}"), reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn refusal(field: &str, value: Value) -> Option<String> {
        let mut process = json!({ "user": { "uid": 0, "gid": 0 }, "cwd": "/" });
        process[field] = value;
        let process: Process = serde_json::from_value(process).unwrap();
        check(&process).err().map(|error| error.to_string())
    }

    #[test]
    fn a_scheduler_has_what_is_its_own() {
        for (scheduler, line) in [
            (json!({ "policy": "SCHED_OTHER", "nice": 20 }), "nice: 20: not within -20 and 19"),
            (json!({ "policy": "SCHED_OTHER", "priority": 1 }), "priority: 1: is for SCHED_FIFO"),
            (json!({ "policy": "SCHED_FIFO" }), "priority: 0: not within 1 and 99"),
            (json!({ "policy": "SCHED_RR", "priority": 100 }), "priority: 100: not within"),
            (json!({ "policy": "SCHED_BATCH", "runtime": 5 }), "runtime: 5: is for SCHED_DEADLINE"),
        ] {
            let found = refusal("scheduler", scheduler).unwrap();
            assert!(found.starts_with(&format!("process.scheduler.{line}")), "{found}");
        }
        for scheduler in [
            json!({ "policy": "SCHED_RR", "priority": 99, "nice": -20 }),
            json!({ "policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 2, "period": 3 }),
            json!({ "policy": "SCHED_IDLE" }),
        ] {
            assert_eq!(refusal("scheduler", scheduler), None);
        }
    }

    #[test]
    fn a_priority_for_input_and_output_is_one_of_eight() {
        let of = |priority: i32| json!({ "class": "IOPRIO_CLASS_BE", "priority": priority });
        assert_eq!(refusal("ioPriority", of(7)), None);
        let line = "process.ioPriority.priority: 8: not within 0 and 7";
        assert_eq!(refusal("ioPriority", of(8)).as_deref(), Some(line));
    }

    #[test]
    fn a_memory_policy_has_nodes_and_flags_that_fit() {
        let refusal = |policy: Value| {
            let linux = serde_json::from_value(json!({ "memoryPolicy": policy })).unwrap();
            memory_policy(&linux).err().map(|error| error.to_string())
        };
        for (policy, line) in [
            (json!({ "mode": "MPOL_BIND" }), "nodes: \"\": must not be empty"),
            (json!({ "mode": "MPOL_LOCAL", "nodes": "0" }), "nodes: \"0\": must be empty"),
            (json!({ "mode": "MPOL_BIND", "nodes": "x" }), "nodes: \"x\": not a list"),
            (
                json!({ "mode": "MPOL_INTERLEAVE", "nodes": "0",
                    "flags": ["MPOL_F_NUMA_BALANCING"] }),
                "flags: MPOL_F_NUMA_BALANCING: is for MPOL_BIND",
            ),
            (
                json!({ "mode": "MPOL_BIND", "nodes": "0",
                    "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"] }),
                "flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES: exclude each other",
            ),
        ] {
            let found = refusal(policy).unwrap();
            assert!(found.starts_with(&format!("linux.memoryPolicy.{line}")), "{found}");
        }
        let good = json!({ "mode": "MPOL_BIND", "nodes": "0-3", "flags": ["MPOL_F_STATIC_NODES"] });
        assert_eq!(refusal(good), None);
    }
}
