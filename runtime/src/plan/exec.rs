//! The plan of a process that is added to a container: it joins what is there, and makes nothing.

use super::{
    CgroupPlan, Descriptors, Facts, Namespaces, Plan, Process, Root, Shape, session_keyring,
};
use crate::error::Result;
use crate::sys::process::CloneFlags;
use oci_spec::runtime;
use std::path::PathBuf;

/// The container that a process is added to.
#[derive(Debug)]
pub(crate) struct Existing {
    /// Its first process.
    pub(crate) pid: i32,
    /// The kinds of namespaces in which that is not where this process is.
    pub(crate) namespaces: CloneFlags,
    /// The container, if it has a session keyring of its own.
    pub(crate) keyring_of: Option<String>,
}

impl Plan {
    /// Decides everything about a process that is added to `container`.
    pub(crate) fn of_exec(
        process: &runtime::Process,
        container: &Existing,
        descriptors: Descriptors,
        facts: &Facts,
    ) -> Result<Self> {
        let mut warnings = Vec::new();
        let mut process = Process::of(process, facts, &mut warnings)?;
        process.preserve(descriptors)?;
        let keyring = container.keyring_of.as_deref().map(session_keyring).transpose()?;
        Ok(Self {
            namespaces: container.namespaces(),
            keyring,
            root: container.root(),
            mounts: Vec::new(),
            devices: Vec::new(),
            symlinks: Vec::new(),
            hostname: None,
            domainname: None,
            sysctls: Vec::new(),
            readonly_paths: Vec::new(),
            masked_paths: Vec::new(),
            process,
            cgroup: CgroupPlan::default(),
            warnings,
        })
    }
}

impl Existing {
    fn namespaces(&self) -> Namespaces {
        // In a PID namespace of others nothing may be seen but the finished process
        // (CVE-2016-9962).
        let joins_pid = self.namespaces.contains(CloneFlags::CLONE_NEWPID);
        let shape = if joins_pid { Shape::Shared } else { Shape::Direct };
        Namespaces { shape, of_process: self.namespaces, ..Namespaces::none() }
    }

    fn root(&self) -> Root {
        if self.namespaces.contains(CloneFlags::CLONE_NEWNS) {
            return Root::Joined;
        }
        // It has the mounts of the host, and another root among them.
        Root::Chroot { path: PathBuf::from(format!("/proc/{}/root", self.pid)) }
    }
}
