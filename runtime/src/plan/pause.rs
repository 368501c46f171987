//! Pause as a process: that of a sandbox, and of a container whose program it takes the place of.

use super::cgroup::place::{Birthplace, Cgroups};
use super::seccomp::Filter;
use super::{
    DefaultEmpty, Descriptors, Executable, IdMaps, Identity, Labels, Namespaces, Process, Schedule,
    Stdio, Target, c_string, sysctls,
};
use crate::error::Result;
use crate::spec::parse_and_check;
use crate::sys::identity::{Capabilities, Ids};
use crate::sys::process::Strings;
use crate::sys::seccomp::PAUSE_CALLS;
use oci_spec::runtime::{self, Linux, Spec};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::Path;

/// The last process of the node that the kernel should kill for want of memory, but for the
/// kubelet's own: Kubernetes' value for its pause.
pub(crate) const OOM_SCORE: i32 = -998;

/// Kubernetes' user of pause, with other real ids. Not root: pending signals are counted by user,
/// and when a user has too many of them the kernel delivers a forged SIGTERM without what tells
/// that it is forged. And real ids that differ: a process of the pod that takes on pause's ids
/// could otherwise lower its limits (prlimit(2) compares all six), to the same end.
const IDS: Ids = Ids { real: 65534, effective: 65535 };

/// An annotation of config.json, and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Annotation<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it says.
    pub value: &'a str,
}

impl Annotation<'_> {
    /// Whether `spec` has it.
    pub(crate) fn is_in(&self, spec: &Spec) -> bool {
        let value = spec.annotations().as_ref().and_then(|all| all.get(self.name));
        value.is_some_and(|value| value == self.value)
    }
}

impl Process {
    /// Pause, with `arguments` after its name.
    pub(crate) fn pause(arguments: impl IntoIterator<Item = CString>) -> Result<Self> {
        let name = [c"pause".to_owned()];
        Ok(Self {
            executable: Executable::Pause,
            stdio: Stdio::Closed,
            preserved: Descriptors::default(),
            argv: Strings::new(name.into_iter().chain(arguments).collect()),
            // Empty: the initial stack stays within one page.
            envp: Strings::new(Vec::new()),
            home: None,
            cwd: Target::new("", "/")?,
            identity: Identity {
                uid: IDS,
                gid: IDS,
                groups: Some(Vec::new()),
                umask: 0o077,
                capabilities: Capabilities::default(),
            },
            limits: Vec::new(),
            oom_score_adj: Some(OOM_SCORE),
            schedule: Schedule::default(),
            labels: Labels::default(),
            no_new_privileges: true,
            seccomp: Some(Filter::allow_only(&PAUSE_CALLS)),
        })
    }

    /// Pause in place of this program: where that would be, with less. It keeps the user if the
    /// maps have no room for that of pause.
    pub(super) fn replaced(self, maps: Option<&IdMaps>) -> Result<Self> {
        let pause = Self::pause([])?;
        let is_mapped = maps.is_none_or(|maps| pause.identity.must_be_mapped(maps).is_ok());
        let identity = if is_mapped {
            pause.identity
        } else {
            Identity { capabilities: Capabilities::default(), ..self.identity }
        };
        Ok(Self {
            identity,
            limits: self.limits,
            oom_score_adj: self.oom_score_adj,
            schedule: self.schedule,
            labels: self.labels,
            ..pause
        })
    }
}

/// What a configuration says of a sandbox. What it says of a program and its files is nothing to
/// pause, which has its own.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) birthplace: Birthplace,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) pause: Configured,
}

/// What its pause is to be.
#[derive(Debug)]
pub(crate) struct Configured {
    pub(crate) namespaces: Namespaces,
    pub(crate) hostname: Option<CString>,
    pub(crate) sysctls: Vec<(CString, CString)>,
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) labels: Labels,
}

impl Asked {
    /// Reads the configuration of the sandbox `id`: a config.json.
    pub(crate) fn read(text: &[u8], id: &str) -> Result<Self> {
        let spec = parse_and_check(Path::new("the configuration of the sandbox"), text)?;
        let none = Linux::default_empty();
        let linux = spec.linux().as_ref().unwrap_or(&none);
        let process = spec.process().as_ref();
        let hostname = spec.hostname().as_deref();
        Ok(Self {
            birthplace: Birthplace::of_container(&spec, id, Cgroups::AsNamed)?,
            annotations: spec.annotations().clone().unwrap_or_default().into_iter().collect(),
            pause: Configured {
                namespaces: Namespaces::build(linux, None)?,
                hostname: hostname.map(|name| c_string("hostname", name)).transpose()?,
                sysctls: sysctls(linux)?,
                oom_score_adj: process.and_then(runtime::Process::oom_score_adj),
                labels: process.map(Labels::of).transpose()?.unwrap_or_default(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Facts, Options, Plan};

    const MARK: Annotation<'_> = Annotation { name: "kind", value: "sandbox" };

    fn config(kind: &str) -> String {
        format!(
            r#"{{"ociVersion": "1.3.0", "root": {{"path": "rootfs"}}, "hostname": "h",
                "annotations": {{"kind": "{kind}"}},
                "process": {{"user": {{"uid": 7, "gid": 8}}, "args": ["sh"], "cwd": "/",
                             "oomScoreAdj": -5, "capabilities": {{"bounding": ["CAP_KILL"]}}}},
                "linux": {{"namespaces": [{{"type": "mount"}}, {{"type": "pid"}},
                                          {{"type": "network", "path": "/run/netns/a"}}],
                           "sysctl": {{"net.core.somaxconn": "9"}}, "cgroupsPath": "/pod/p"}}}}"#
        )
    }

    fn plan(kind: &str) -> Plan {
        let spec = serde_json::from_str(&config(kind)).unwrap();
        let options = Options { pause_if: Some(MARK), ..Options::default() };
        Plan::build(&spec, Path::new("/bundle"), &options, &Facts { permitted: u64::MAX }).unwrap()
    }

    #[test]
    fn a_container_that_is_marked_runs_pause_with_nothing_but_its_own() {
        let process = plan("sandbox").process;
        assert!(matches!(process.executable, Executable::Pause));
        assert_eq!((process.identity.uid, process.identity.gid), (IDS, IDS));
        assert_eq!(process.identity.capabilities, Capabilities::default());
        assert_eq!(process.oom_score_adj, Some(-5));
        assert!(process.no_new_privileges && process.seccomp.is_some());
    }

    #[test]
    fn any_other_container_runs_its_program() {
        let process = plan("container").process;
        assert!(matches!(process.executable, Executable::Search(_)));
        assert_eq!(process.identity.uid.effective, 7);
    }

    #[test]
    fn a_sandbox_is_what_its_configuration_says() {
        let asked = Asked::read(config("sandbox").as_bytes(), "p").unwrap();
        assert_eq!(asked.birthplace, Birthplace::Group("/pod/p".to_owned()));
        assert_eq!(asked.annotations["kind"], "sandbox");
        assert_eq!(asked.pause.namespaces.join[0].path, Path::new("/run/netns/a"));
        assert_eq!(asked.pause.oom_score_adj, Some(-5));
        let sysctl = (c"sys/net/core/somaxconn".to_owned(), c"9".to_owned());
        assert_eq!(asked.pause.sysctls, [sysctl]);
    }
}
