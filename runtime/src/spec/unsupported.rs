//! What config.json may ask for and this version of peapod cannot do. It is refused: never a
//! container without what was asked for.

use crate::error::{Error, Result};
use oci_spec::runtime::{ExecCPUAffinity, Linux, LinuxIntelRdt, Process, Spec};

/// Whether a configuration asks for something.
type Asks = fn(&Spec) -> bool;

/// Whether a process does.
type ProcessAsks = fn(&Process) -> bool;

/// Not in this table are fields without an effect under cgroup v2 (`memory.kernel`,
/// `memory.kernelTCP`, `memory.swappiness`, `memory.disableOOMKiller`, `memory.useHierarchy`,
/// `cpu.realtimeRuntime`, `cpu.realtimePeriod`, `network`): those are accepted and do nothing, as
/// callers of other runtimes expect it.
const UNSUPPORTED: &[(&str, Asks)] = &[
    ("linux.netDevices", |spec| {
        linux(spec, |linux| linux.net_devices().as_ref().is_some_and(|map| !map.is_empty()))
    }),
    ("linux.seccomp", |spec| linux(spec, |linux| linux.seccomp().is_some())),
    ("linux.mountLabel", |spec| linux(spec, |linux| text(linux.mount_label()))),
    ("linux.intelRdt", |spec| {
        linux(spec, |linux| is_set(linux.intel_rdt(), &LinuxIntelRdt::default()))
    }),
    ("linux.memoryPolicy", |spec| linux(spec, |linux| linux.memory_policy().is_some())),
    ("linux.personality", |spec| linux(spec, |linux| linux.personality().is_some())),
];

/// The same for a process, be it a container's first one or one that is added.
const OF_A_PROCESS: &[(&str, ProcessAsks)] = &[
    ("process.apparmorProfile", |process| text(process.apparmor_profile())),
    ("process.selinuxLabel", |process| text(process.selinux_label())),
    ("process.scheduler", |process| process.scheduler().is_some()),
    ("process.ioPriority", |process| process.io_priority().is_some()),
    ("process.execCPUAffinity", |process| {
        is_set(process.exec_cpu_affinity(), &ExecCPUAffinity::default())
    }),
];

pub(super) fn check(spec: &Spec) -> Result<()> {
    spec.process().as_ref().map_or(Ok(()), check_process)?;
    refuse(UNSUPPORTED.iter().find(|(_, asks)| asks(spec)).map(|(field, _)| *field))
}

pub(super) fn check_process(process: &Process) -> Result<()> {
    refuse(OF_A_PROCESS.iter().find(|(_, asks)| asks(process)).map(|(field, _)| *field))
}

fn refuse(field: Option<&str>) -> Result<()> {
    match field {
        Some(field) => Err(Error::unsupported(field, "not supported by this version of peapod")),
        None => Ok(()),
    }
}

fn linux(spec: &Spec, asks: impl Fn(&Linux) -> bool) -> bool {
    spec.linux().as_ref().is_some_and(asks)
}

fn text(field: &Option<String>) -> bool {
    field.as_ref().is_some_and(|text| !text.is_empty())
}

fn is_set<T: PartialEq>(field: &Option<T>, nothing: &T) -> bool {
    field.as_ref().is_some_and(|value| value != nothing)
}
