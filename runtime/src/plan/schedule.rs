//! When, where and as what a process runs: its scheduling, its memory, its personality.

use super::labels::Labels;
use crate::error::{Error, Result};
use crate::spec::numbers;
use crate::sys::schedule::{ATTRIBUTES_SIZE, Attributes, Bits};
use oci_spec::runtime::{
    IOPriorityClass, Linux, LinuxMemoryPolicy, LinuxPersonalityDomain, LinuxSchedulerFlag,
    LinuxSchedulerPolicy, MemoryPolicyFlagType, MemoryPolicyModeType, Process, Scheduler,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What the parent gives to a process, since it may take privileges.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) scheduler: Option<Attributes>,
    /// As `ioprio_set(2)` takes it.
    pub(crate) io_priority: Option<u32>,
    pub(crate) processors: Processors,
}

/// Where it may run.
#[derive(Debug)]
pub(crate) struct Processors {
    /// What this process runs on when it makes the new one, if it is not where it is.
    pub(crate) initial: Option<Bits>,
    /// In its cgroup. All, unless config.json says otherwise: what this process may run on, by the
    /// grace of systemd or of `taskset`, says nothing of a container, and Linux 6.2 and later do
    /// not reset it for a cpuset any more.
    pub(crate) last: Bits,
}

/// The same as of now: what is not said of is like this.
impl Default for Schedule {
    fn default() -> Self {
        let processors = Processors { initial: None, last: Bits::ALL };
        Self { scheduler: None, io_priority: None, processors }
    }
}

/// What every process of a container has, and `process` of an added one need not speak of: it is
/// kept for `exec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Common {
    /// The domain of personality(2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) personality: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory_policy: Option<MemoryPolicy>,
    /// What the first process has, for those that say nothing of it: an added one must not be less
    /// confined because a field is missing.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub(crate) labels: Labels,
}

/// What `set_mempolicy(2)` takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemoryPolicy {
    /// With its flags.
    pub(crate) mode: u32,
    #[serde(serialize_with = "as_list", deserialize_with = "of_list")]
    pub(crate) nodes: Bits,
}

fn as_list<S: Serializer>(nodes: &Bits, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_seq(nodes.numbers())
}

fn of_list<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Bits, D::Error> {
    let mut nodes = Bits::NONE;
    Vec::deserialize(from)?.into_iter().for_each(|number| nodes.set(number));
    Ok(nodes)
}

impl Schedule {
    pub(super) fn of(process: &Process) -> Result<Self> {
        let affinity = process.exec_cpu_affinity().as_ref();
        let initial = affinity.and_then(|affinity| affinity.initial().as_deref());
        let last = affinity.and_then(|affinity| affinity.cpu_affinity_final().as_deref());
        let set = |name: &str, list: Option<&str>| -> Result<Option<Bits>> {
            let list = list.filter(|list| !list.is_empty());
            list.map(|list| bits(&format!("process.execCPUAffinity.{name}"), list)).transpose()
        };
        let processors = Processors {
            initial: set("initial", initial)?,
            last: set("final", last)?.unwrap_or(Bits::ALL),
        };
        let io_priority = process.io_priority().as_ref().map(|asked| {
            let class = match asked.class() {
                IOPriorityClass::IoprioClassRt => 1,
                IOPriorityClass::IoprioClassBe => 2,
                IOPriorityClass::IoprioClassIdle => 3,
            };
            class << 13 | u32::try_from(asked.priority()).unwrap_or_default()
        });
        let scheduler = process.scheduler().as_ref().map(scheduler);
        Ok(Self { scheduler, io_priority, processors })
    }

    /// The first process of a container is not one that is added: `execCPUAffinity` is not for it.
    pub(super) fn of_first(process: &Process) -> Result<Self> {
        let processors = Self::default().processors;
        Ok(Self { processors, ..Self::of(process)? })
    }
}

/// include/uapi/linux/sched.h
fn scheduler(asked: &Scheduler) -> Attributes {
    let policy = match asked.policy() {
        LinuxSchedulerPolicy::SchedOther => 0,
        LinuxSchedulerPolicy::SchedFifo => 1,
        LinuxSchedulerPolicy::SchedRr => 2,
        LinuxSchedulerPolicy::SchedBatch => 3,
        LinuxSchedulerPolicy::SchedIso => 4,
        LinuxSchedulerPolicy::SchedIdle => 5,
        LinuxSchedulerPolicy::SchedDeadline => 6,
    };
    let flag = |flag: &LinuxSchedulerFlag| match flag {
        LinuxSchedulerFlag::SchedResetOnFork => 0x01,
        LinuxSchedulerFlag::SchedFlagReclaim => 0x02,
        LinuxSchedulerFlag::SchedFlagDLOverrun => 0x04,
        LinuxSchedulerFlag::SchedFlagKeepPolicy => 0x08,
        LinuxSchedulerFlag::SchedFlagKeepParams => 0x10,
        LinuxSchedulerFlag::SchedFlagUtilClampMin => 0x20,
        LinuxSchedulerFlag::SchedFlagUtilClampMax => 0x40,
    };
    Attributes {
        size: ATTRIBUTES_SIZE,
        policy,
        flags: asked.flags().iter().flatten().map(flag).fold(0, |all, one| all | one),
        nice: asked.nice().unwrap_or(0),
        priority: u32::try_from(asked.priority().unwrap_or(0)).unwrap_or_default(),
        runtime: asked.runtime().unwrap_or(0),
        deadline: asked.deadline().unwrap_or(0),
        period: asked.period().unwrap_or(0),
    }
}

impl Common {
    pub(super) fn of(linux: &Linux, labels: &Labels) -> Result<Self> {
        let personality = linux.personality().as_ref().map(|asked| match asked.domain() {
            LinuxPersonalityDomain::PerLinux => 0,
            LinuxPersonalityDomain::PerLinux32 => 8,
        });
        let policy = |asked: &LinuxMemoryPolicy| -> Result<MemoryPolicy> {
            let nodes = asked.nodes().as_deref().filter(|nodes| !nodes.is_empty());
            let nodes = nodes.map(|nodes| bits("linux.memoryPolicy.nodes", nodes)).transpose()?;
            let flags = asked.flags().iter().flatten().map(policy_flag);
            let mode = flags.fold(mode(asked.mode()), |all, flag| all | flag);
            Ok(MemoryPolicy { mode, nodes: nodes.unwrap_or(Bits::NONE) })
        };
        let memory_policy = linux.memory_policy().as_ref().map(policy).transpose()?;
        Ok(Self { personality, memory_policy, labels: labels.clone() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// include/uapi/linux/mempolicy.h
fn mode(mode: MemoryPolicyModeType) -> u32 {
    match mode {
        MemoryPolicyModeType::MpolDefault => 0,
        MemoryPolicyModeType::MpolPreferred => 1,
        MemoryPolicyModeType::MpolBind => 2,
        MemoryPolicyModeType::MpolInterleave => 3,
        MemoryPolicyModeType::MpolLocal => 4,
        MemoryPolicyModeType::MpolPreferredMany => 5,
        MemoryPolicyModeType::MpolWeightedInterleave => 6,
    }
}

fn policy_flag(flag: &MemoryPolicyFlagType) -> u32 {
    match flag {
        MemoryPolicyFlagType::MpolFNumaBalancing => 1 << 13,
        MemoryPolicyFlagType::MpolFRelativeNodes => 1 << 14,
        MemoryPolicyFlagType::MpolFStaticNodes => 1 << 15,
    }
}

/// A list that `spec` has found to be one.
fn bits(field: &str, list: &str) -> Result<Bits> {
    let mut bits = Bits::NONE;
    let ranges = numbers(list).unwrap_or_default();
    for range in &ranges {
        if usize::try_from(*range.end()).is_ok_and(|end| end >= Bits::END) {
            let reason = format!("has a number above {}", Bits::END - 1);
            return Err(Error::invalid(field, format!("{list:?}"), reason));
        }
        range
            .clone()
            .filter_map(|number| usize::try_from(number).ok())
            .for_each(|one| bits.set(one));
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_kept_for_exec_is_read_as_it_was_written() {
        let linux = json!({ "personality": { "domain": "LINUX32" },
            "memoryPolicy": { "mode": "MPOL_BIND", "nodes": "0-2,65",
                "flags": ["MPOL_F_STATIC_NODES"] } });
        let common =
            Common::of(&serde_json::from_value(linux).unwrap(), &Labels::default()).unwrap();
        let text = serde_json::to_string(&common).unwrap();
        assert_eq!(text, r#"{"personality":8,"memoryPolicy":{"mode":32770,"nodes":[0,1,2,65]}}"#);
        assert_eq!(serde_json::from_str::<Common>(&text).unwrap(), common);
        let nothing = serde_json::from_value(json!({})).unwrap();
        assert!(Common::of(&nothing, &Labels::default()).unwrap().is_empty());
    }

    #[test]
    fn affinity_is_for_processes_that_are_added() {
        let process = json!({ "user": { "uid": 0, "gid": 0 }, "cwd": "/",
            "execCPUAffinity": { "initial": "1", "final": "8192" } });
        let process = serde_json::from_value(process).unwrap();
        let message = Schedule::of(&process).unwrap_err().to_string();
        assert_eq!(message, "process.execCPUAffinity.final: \"8192\": has a number above 8191");
    }
}
