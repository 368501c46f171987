//! Where a container's cgroup is to be, and who makes it.

use super::scope::{Property, Scope, of_annotations};
use crate::error::Result;
use oci_spec::runtime::Spec;
use std::path::Path;

/// The group above a container's that does not say where it wants to be. It comes and goes with the
/// groups in it.
pub(crate) const DEFAULT_PARENT: &str = "/peapod";

/// Who makes cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cgroups {
    /// This library, as directories.
    #[default]
    Cgroupfs,
    /// systemd, as scopes.
    Systemd,
    /// Who the form of `cgroupsPath` names: systemd where it is `….slice:prefix:name`.
    AsNamed,
}

/// The cgroup that the first process of a container is born in.
#[derive(Debug, PartialEq)]
pub(crate) enum Birthplace {
    /// A group at that path.
    Group(String),
    /// The group `pause` in one at that path, which is the sandbox's own with all below it.
    Sandbox(String),
    /// A unit of systemd's, with what annotations ask for.
    Scope(Scope, Vec<Property>),
}

impl Birthplace {
    /// config-linux.md, "Cgroups Path": absolute from the top of the hierarchy, relative below a
    /// group of ours; systemd's is in three parts.
    pub(crate) fn of_container(spec: &Spec, id: &str, cgroups: Cgroups) -> Result<Self> {
        let asked = spec.linux().as_ref().and_then(|linux| linux.cgroups_path().as_deref());
        let is_scope = match cgroups {
            Cgroups::Cgroupfs => false,
            Cgroups::Systemd => true,
            Cgroups::AsNamed => asked.is_some_and(Scope::is_named_by),
        };
        if is_scope {
            let properties = of_annotations(spec.annotations().iter().flatten())?;
            return Ok(Self::Scope(Scope::parse(asked, id)?, properties));
        }
        let asked = asked.map(Path::to_string_lossy).filter(|path| !path.is_empty());
        Ok(Self::Group(match asked {
            Some(path) if path.starts_with('/') => path.into_owned(),
            Some(path) => format!("{DEFAULT_PARENT}/{path}"),
            None => format!("{DEFAULT_PARENT}/{id}"),
        }))
    }

    /// The unit of systemd's, by its name.
    pub(crate) fn unit(&self) -> Option<String> {
        match self {
            Self::Scope(scope, _) => Some(scope.name.clone()),
            Self::Group(_) | Self::Sandbox(_) => None,
        }
    }
}
