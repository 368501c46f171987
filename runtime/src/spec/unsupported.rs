//! What config.json may ask for and this version of peapod cannot do. It is refused: never a
//! container without what was asked for.

use crate::error::{Error, Result};
use oci_spec::runtime::{
    ExecCPUAffinity, Hooks, Linux, LinuxBlockIo, LinuxIntelRdt, LinuxNamespaceType, LinuxResources,
    Process, Spec,
};

/// Whether a configuration asks for something.
type Asks = fn(&Spec) -> bool;

/// Whether a process does.
type ProcessAsks = fn(&Process) -> bool;

/// Not in this table are fields without an effect under cgroup v2 (`memory.kernel`,
/// `memory.kernelTCP`, `memory.swappiness`, `memory.disableOOMKiller`, `memory.useHierarchy`,
/// `cpu.realtimeRuntime`, `cpu.realtimePeriod`, `network`): those are accepted and do nothing, as
/// callers of other runtimes expect it.
const UNSUPPORTED: &[(&str, Asks)] = &[
    ("hooks", |spec| spec.hooks().as_ref().is_some_and(any_hook)),
    ("mounts.uidMappings", |spec| {
        spec.mounts().iter().flatten().any(|mount| list(mount.uid_mappings()))
    }),
    ("mounts.gidMappings", |spec| {
        spec.mounts().iter().flatten().any(|mount| list(mount.gid_mappings()))
    }),
    ("linux.namespaces[user]", |spec| namespace(spec, LinuxNamespaceType::User)),
    ("linux.namespaces[time]", |spec| namespace(spec, LinuxNamespaceType::Time)),
    ("linux.uidMappings", |spec| linux(spec, |linux| list(linux.uid_mappings()))),
    ("linux.gidMappings", |spec| linux(spec, |linux| list(linux.gid_mappings()))),
    ("linux.timeOffsets", |spec| {
        linux(spec, |linux| linux.time_offsets().as_ref().is_some_and(|map| !map.is_empty()))
    }),
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
    ("linux.resources.devices", |spec| resources(spec, |resources| list(resources.devices()))),
    ("linux.resources.cpu.cpus", |spec| {
        resources(spec, |resources| resources.cpu().as_ref().is_some_and(|cpu| text(cpu.cpus())))
    }),
    ("linux.resources.cpu.mems", |spec| {
        resources(spec, |resources| resources.cpu().as_ref().is_some_and(|cpu| text(cpu.mems())))
    }),
    ("linux.resources.blockIO", |spec| {
        resources(spec, |resources| is_set(resources.block_io(), &LinuxBlockIo::default()))
    }),
    ("linux.resources.hugepageLimits", |spec| {
        resources(spec, |resources| list(resources.hugepage_limits()))
    }),
    ("linux.resources.rdma", |spec| {
        resources(spec, |resources| resources.rdma().as_ref().is_some_and(|map| !map.is_empty()))
    }),
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

fn resources(spec: &Spec, asks: impl Fn(&LinuxResources) -> bool) -> bool {
    linux(spec, |linux| linux.resources().as_ref().is_some_and(&asks))
}

fn namespace(spec: &Spec, kind: LinuxNamespaceType) -> bool {
    linux(spec, |linux| {
        linux.namespaces().iter().flatten().any(|namespace| namespace.typ() == kind)
    })
}

fn any_hook(hooks: &Hooks) -> bool {
    let lists = [
        hooks.prestart(),
        hooks.create_runtime(),
        hooks.create_container(),
        hooks.start_container(),
        hooks.poststart(),
        hooks.poststop(),
    ];
    lists.into_iter().any(list)
}

fn text(field: &Option<String>) -> bool {
    field.as_ref().is_some_and(|text| !text.is_empty())
}

fn list<T>(field: &Option<Vec<T>>) -> bool {
    field.as_ref().is_some_and(|list| !list.is_empty())
}

fn is_set<T: PartialEq>(field: &Option<T>, nothing: &T) -> bool {
    field.as_ref().is_some_and(|value| value != nothing)
}
