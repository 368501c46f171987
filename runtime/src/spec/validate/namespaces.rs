//! Which namespaces there are, and what needs them.

use super::absolute_path;
use crate::error::{Error, Result};
use oci_spec::runtime::{Linux, LinuxNamespace};

pub(super) use oci_spec::runtime::LinuxNamespaceType as Kind;

/// `linux.namespaces`, each kind at most once.
pub(super) struct Namespaces<'a>(Vec<&'a LinuxNamespace>);

impl<'a> Namespaces<'a> {
    /// config-linux.md, "Namespaces".
    pub(super) fn new(linux: Option<&'a Linux>) -> Result<Self> {
        let mut found = Self(Vec::new());
        for namespace in linux.iter().flat_map(|linux| linux.namespaces().iter().flatten()) {
            let kind = namespace.typ();
            if found.has(kind) {
                return Err(Error::invalid("linux.namespaces", name(kind), "given twice"));
            }
            if let Some(path) = namespace.path() {
                absolute_path(&format!("linux.namespaces[{}].path", name(kind)), path)?;
            }
            found.0.push(namespace);
        }
        Ok(found)
    }

    /// Whether the container has a namespace of that kind other than that of this process.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.0.iter().any(|namespace| namespace.typ() == kind)
    }

    /// Whether the container enters a namespace of that kind that others made.
    pub(super) fn joins(&self, kind: Kind) -> bool {
        self.0.iter().any(|namespace| namespace.typ() == kind && namespace.path().is_some())
    }

    /// What changes mounts must change them for the container alone.
    pub(super) fn must_have_mounts_of_its_own(&self, field: &str, value: &str) -> Result<()> {
        let reason = if self.joins(Kind::Mount) {
            "would change the mount namespace that is joined for all who are in it"
        } else if !self.has(Kind::Mount) {
            "needs a mount namespace, or it would change the host's mounts"
        } else {
            return Ok(());
        };
        Err(Error::invalid(field, value, reason))
    }
}

/// The name of a kind in config.json.
fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Mount => "mount",
        Kind::Cgroup => "cgroup",
        Kind::Uts => "uts",
        Kind::Ipc => "ipc",
        Kind::User => "user",
        Kind::Pid => "pid",
        Kind::Network => "network",
        Kind::Time => "time",
    }
}
