//! Fields of config.json that do nothing under cgroup v2 or on Linux at all, as callers of other
//! runtimes expect it. They are named, so that nobody relies on them.

use oci_spec::runtime::{Linux, LinuxResources, Spec};

pub(super) fn warnings(spec: &Spec) -> Vec<String> {
    let linux = spec.linux().as_ref();
    let resources = linux.and_then(|linux| linux.resources().as_ref());
    let of_v1 = resources
        .map(without_v2)
        .unwrap_or_default()
        .into_iter()
        .map(|name| format!("linux.resources.{name}: ignored: cgroup v2 has nothing like it"));
    of_v1.chain(linux.and_then(personality)).collect()
}

/// What only cgroup v1 had, as far as it is asked for.
fn without_v2(resources: &LinuxResources) -> Vec<&'static str> {
    let mut found = Vec::new();
    if let Some(memory) = resources.memory() {
        found.extend(kernel_memory(memory));
        found.extend(memory.swappiness().map(|_| "memory.swappiness"));
        let kills = memory.disable_oom_killer().filter(|disabled| *disabled);
        found.extend(kills.map(|_| "memory.disableOOMKiller"));
    }
    if let Some(cpu) = resources.cpu() {
        found.extend(cpu.realtime_runtime().filter(|us| *us != 0).map(|_| "cpu.realtimeRuntime"));
        found.extend(cpu.realtime_period().filter(|us| *us != 0).map(|_| "cpu.realtimePeriod"));
    }
    if let Some(io) = resources.block_io() {
        found.extend(io.leaf_weight().filter(|weight| *weight != 0).map(|_| "blockIO.leafWeight"));
    }
    if let Some(network) = resources.network() {
        found.extend(network.class_id().filter(|id| *id != 0).map(|_| "network.classID"));
        let priorities = network.priorities().as_ref().filter(|list| !list.is_empty());
        found.extend(priorities.map(|_| "network.priorities"));
    }
    found
}

fn kernel_memory(memory: &oci_spec::runtime::LinuxMemory) -> Vec<&'static str> {
    let is_set = |limit: &i64| *limit != 0;
    let kernel = memory.kernel().filter(is_set).map(|_| "memory.kernel");
    kernel
        .into_iter()
        .chain(memory.kernel_tcp().filter(is_set).map(|_| "memory.kernelTCP"))
        .collect()
}

fn personality(linux: &Linux) -> Option<String> {
    let flags = linux.personality().as_ref().and_then(|asked| asked.flags().as_ref());
    flags.filter(|flags| !flags.is_empty())?;
    Some("linux.personality.flags: ignored: the specification has none yet".to_owned())
}
