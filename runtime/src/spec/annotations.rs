//! Annotations that change what a container is: those of crun's that callers depend on, under
//! crun's names (`run.oci.*`).

use oci_spec::runtime::Spec;
use std::collections::HashMap;
use std::env;
use std::path::PathBuf;

/// `1` lets the process keep the supplementary groups of whoever creates the container.
pub(crate) const KEEP_ORIGINAL_GROUPS: &str = "run.oci.keep_original_groups";

/// Where what hooks write goes: files of the host that it is added to.
pub(crate) const HOOKS_STDOUT: &str = "run.oci.hooks.stdout";
pub(crate) const HOOKS_STDERR: &str = "run.oci.hooks.stderr";

/// The socket that a pidfd of the first process is sent to.
pub(crate) const PIDFD_RECEIVER: &str = "run.oci.pidfd_receiver";

/// A system call that nobody knows is an error, and not left out.
pub(crate) const SECCOMP_FAIL_UNKNOWN: &str = "run.oci.seccomp_fail_unknown_syscall";

/// A compiled filter, in base64, in place of that of `linux.seccomp`.
pub(crate) const SECCOMP_BPF_DATA: &str = "run.oci.seccomp_bpf_data";

/// As which context of `SELinux` new file systems have `linux.mountLabel`.
pub(crate) const MOUNT_CONTEXT_TYPE: &str = "run.oci.mount_context_type";

/// The socket of the seccomp agent, where `listenerPath` does not say it.
const SECCOMP_RECEIVER: &str = "run.oci.seccomp.receiver";

/// The same for all containers.
const SECCOMP_RECEIVER_VARIABLE: &str = "RUN_OCI_SECCOMP_RECEIVER";

/// The value of an annotation.
pub(crate) fn annotation<'s>(spec: &'s Spec, name: &str) -> Option<&'s str> {
    spec.annotations()
        .as_ref()
        .and_then(|all: &HashMap<_, String>| all.get(name))
        .map(String::as_str)
}

/// Puts what annotations say into the fields that have the same meaning.
pub(super) fn apply(spec: &mut Spec) {
    let of_all = || env::var(SECCOMP_RECEIVER_VARIABLE).ok();
    let receiver = annotation(spec, SECCOMP_RECEIVER).map(str::to_owned);
    let Some(linux) = spec.linux_mut() else { return };
    let Some(mut seccomp) = linux.seccomp().clone() else { return };
    let has_path =
        seccomp.listener_path().as_ref().is_some_and(|path| !path.as_os_str().is_empty());
    let receiver = receiver.or_else(of_all).filter(|path| !path.is_empty() && !has_path);
    if let Some(path) = receiver {
        seccomp.set_listener_path(Some(PathBuf::from(path)));
        linux.set_seccomp(Some(seccomp));
    }
}
