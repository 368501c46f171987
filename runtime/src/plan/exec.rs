//! The plan of a process that is added to a container: it joins what is there, and makes nothing.

use super::{
    CgroupPlan, Common, Descriptors, Facts, Hooks, Namespaces, Plan, Process, Root, Shape, User,
    session_keyring,
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
    /// Whether its processes keep the supplementary groups of whoever makes them.
    pub(crate) keeps_groups: bool,
    /// What all its processes have.
    pub(crate) common: Common,
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
        let namespaces = container.namespaces();
        let facts = namespaces.user.facts(facts);
        let mut process = Process::of(process, &facts, &mut warnings)?;
        process.preserve(descriptors)?;
        process.labels = process.labels.or(&container.common.labels);
        if container.keeps_groups {
            process.identity.groups = None;
        }
        // Its filter is that of the container, which `create` has compiled: whoever has it sets
        // `process.seccomp` of the plan.
        let keyring = container.keyring_of.as_deref().map(session_keyring).transpose()?;
        Ok(Self {
            namespaces,
            keyring,
            root: container.root(),
            mounts: Vec::new(),
            devices: Vec::new(),
            symlinks: Vec::new(),
            net_devices: Vec::new(),
            hostname: None,
            domainname: None,
            sysctls: Vec::new(),
            readonly_paths: Vec::new(),
            masked_paths: Vec::new(),
            hooks: Hooks::default(),
            process,
            common: container.common.clone(),
            cgroup: CgroupPlan::default(),
            has_mount_label: false,
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
        let joins_user = self.namespaces.contains(CloneFlags::CLONE_NEWUSER);
        let user = if joins_user { User::Joined(None) } else { User::Host };
        Namespaces { shape, user, of_process: self.namespaces, ..Namespaces::none() }
    }

    fn root(&self) -> Root {
        if self.namespaces.contains(CloneFlags::CLONE_NEWNS) {
            return Root::Joined;
        }
        // It has the mounts of the host, and another root among them.
        Root::Chroot { path: PathBuf::from(format!("/proc/{}/root", self.pid)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Stdio;
    use crate::sys::terminal::Size;

    fn plan(namespaces: CloneFlags, process: &str) -> Plan {
        let process: runtime::Process = serde_json::from_str(process).unwrap();
        let container = Existing {
            pid: 42,
            namespaces,
            keyring_of: Some("c".to_owned()),
            keeps_groups: false,
            common: Common::default(),
        };
        let facts = Facts { permitted: u64::MAX };
        Plan::of_exec(&process, &container, Descriptors::default(), &facts).unwrap()
    }

    const PROCESS: &str = r#"{"user": {"uid": 7, "gid": 8}, "cwd": "/", "args": ["sh"]}"#;

    #[test]
    fn a_pid_namespace_is_entered_last_and_by_a_child() {
        let plan = plan(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS, PROCESS);
        assert_eq!(plan.namespaces.shape, Shape::Shared);
        assert!(plan.namespaces.new.is_empty() && plan.namespaces.join.is_empty());
        assert!(matches!(plan.root, Root::Joined));
        assert_eq!(plan.keyring.as_deref(), Some(c"_ses.c"));
    }

    #[test]
    fn a_container_among_the_hosts_processes_takes_one_clone() {
        let plan = plan(CloneFlags::CLONE_NEWNS, PROCESS);
        assert_eq!(plan.namespaces.shape, Shape::Direct);
    }

    #[test]
    fn a_container_among_the_hosts_mounts_has_a_root_of_its_own() {
        let Root::Chroot { path } = plan(CloneFlags::CLONE_NEWPID, PROCESS).root else { panic!() };
        assert_eq!(path, std::path::Path::new("/proc/42/root"));
    }

    #[test]
    fn a_terminal_has_a_size_if_it_is_given_one() {
        let with = |console: &str| {
            let size = format!(r#", "terminal": true{console}}}"#);
            plan(CloneFlags::empty(), &PROCESS.replacen("]}", &format!("]{size}"), 1)).process.stdio
        };
        assert_eq!(with(""), Stdio::Terminal(None));
        assert_eq!(with(r#", "consoleSize": {"height": 0, "width": 0}"#), Stdio::Terminal(None));
        let size = Size { rows: 25, columns: 80 };
        let found = with(r#", "consoleSize": {"height": 25, "width": 80}"#);
        assert_eq!(found, Stdio::Terminal(Some(size)));
    }

    #[test]
    fn home_is_looked_up_only_if_there_is_none() {
        assert_eq!(plan(CloneFlags::empty(), PROCESS).process.home, Some(7));
        for (home, uid) in [("HOME=/x", None), ("HOME=", Some(7))] {
            let env = format!(r#"], "env": ["A=1", "{home}"]}}"#);
            let process = plan(CloneFlags::empty(), &PROCESS.replacen("]}", &env, 1)).process;
            assert_eq!(process.home, uid, "{home}");
            assert_eq!(process.envp.as_slice().len(), if uid.is_some() { 1 } else { 2 });
        }
    }
}
