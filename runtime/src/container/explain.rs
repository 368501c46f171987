//! What init reports, in the words of config.json: it knows a step and a number, its
//! parent has the plan.

use crate::error::Error;
use crate::link::{Failure, Step};
use crate::plan::{Plan, Target};
use crate::sys::Errno;

/// Turns the failure of a step into an error that names the field and its value.
pub(super) fn explain(plan: &Plan, failure: &Failure) -> Error {
    let item = usize::from(failure.item);
    let step = match failure.step {
        Step::Clone => "cloning the container's process".to_owned(),
        Step::Namespaces => match plan.namespaces.join.get(item) {
            Some(join) => format!("linux.namespaces: {}", join.path.display()),
            None if !plan.namespaces.of_process.is_empty() => {
                "joining the namespaces of the container".to_owned()
            }
            None => "linux.namespaces".to_owned(),
        },
        Step::Time => "linux.namespaces[time] and linux.timeOffsets".to_owned(),
        Step::Ids => "linux.namespaces[user]".to_owned(),
        Step::Isolation => "linux.namespaces[cgroup] and [mount]".to_owned(),
        Step::Keyring => "the session keyring".to_owned(),
        Step::Loopback => "bringing up the interface lo".to_owned(),
        Step::NetDevices => "waiting for linux.netDevices".to_owned(),
        Step::Names => "hostname or domainname".to_owned(),
        Step::Root => "the root file system".to_owned(),
        Step::Mounts => named("mounts", plan.mounts.get(item).map(|mount| &mount.target)),
        Step::Devices => {
            named("linux.devices", plan.devices.get(item).map(|device| &device.target))
        }
        Step::Hooks => "waiting for hooks".to_owned(),
        Step::CreateContainer => format!("hooks.createContainer[{item}]"),
        Step::Pivot => "entering the root file system".to_owned(),
        Step::Terminal => "process.terminal".to_owned(),
        Step::Home => "HOME, from /etc/passwd".to_owned(),
        Step::Sysctls => listed("linux.sysctl", plan.sysctls.get(item).map(|(path, _)| path)),
        Step::ReadonlyPaths => listed("linux.readonlyPaths", plan.readonly_paths.get(item)),
        Step::MaskedPaths => listed("linux.maskedPaths", plan.masked_paths.get(item)),
        Step::Propagation => "linux.rootfsPropagation".to_owned(),
        Step::Labels => labels(plan),
        Step::MemoryPolicy => "linux.memoryPolicy".to_owned(),
        Step::Personality => "linux.personality".to_owned(),
        Step::Listening => "LISTEN_PID".to_owned(),
        Step::Session => "starting a session".to_owned(),
        Step::Cwd => format!("process.cwd: {:?}", plan.process.cwd.path),
        Step::Identity => "process.user and process.capabilities".to_owned(),
        Step::Executable => executable(plan, failure),
        Step::Gate => "waiting for start".to_owned(),
        Step::StartContainer => format!("hooks.startContainer[{item}]"),
        Step::Limits => {
            listed("process.rlimits", plan.process.limits.get(item).map(|limit| &limit.name))
        }
        Step::Seccomp => "linux.seccomp".to_owned(),
        Step::Exec => format!("exec {:?}", program(plan)),
    };
    Error::Init { step, source: Some(failure.error) }
}

fn labels(plan: &Plan) -> String {
    let labels = &plan.process.labels;
    let apparmor = ("process.apparmorProfile", &labels.apparmor);
    let asked = [apparmor, ("process.selinuxLabel", &labels.selinux)];
    let asked = asked.iter().filter_map(|(field, label)| Some((field, label.as_ref()?)));
    let shown = asked.map(|(field, label)| format!("{field}: {label:?}"));
    shown.collect::<Vec<_>>().join(" and ")
}

fn named(field: &str, target: Option<&Target>) -> String {
    listed(field, target.map(|target| &target.path))
}

fn listed(field: &str, item: Option<&impl std::fmt::Debug>) -> String {
    item.map_or_else(|| field.to_owned(), |item| format!("{field}: {item:?}"))
}

/// In words that callers look for: podman and Docker turn them into the exit codes 127 and 126.
fn executable(plan: &Plan, failure: &Failure) -> String {
    let name = program(plan);
    if failure.error.errno() != Errno::ENOENT {
        return format!("exec: {name:?}: permission denied");
    }
    if name.contains('/') {
        return format!("exec: {name:?}: no such file or directory");
    }
    format!("exec: {name:?}: executable file not found in $PATH")
}

fn program(plan: &Plan) -> String {
    let name = plan.process.argv.as_slice().first();
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// What stops a program at the last moment, for `start`, which has no plan.
pub(super) fn explain_exec(failure: &Failure) -> Error {
    let step = match failure.step {
        Step::StartContainer => "hooks.startContainer",
        Step::Limits => "process.rlimits",
        Step::Seccomp => "linux.seccomp",
        _ => "exec failed",
    };
    Error::Init { step: step.to_owned(), source: Some(failure.error) }
}
