//! What the security modules of the kernel call the process and its files.

use super::c_string;
use crate::error::Result;
use oci_spec::runtime::Process;
use serde::{Deserialize, Serialize};
use std::ffi::CString;

/// The labels that the program gets when it is executed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Labels {
    /// The command that asks `AppArmor` for a profile: `exec NAME`.
    pub(crate) apparmor: Option<CString>,
    /// The context of `SELinux`.
    pub(crate) selinux: Option<CString>,
}

impl Labels {
    pub(super) fn of(process: &Process) -> Result<Self> {
        let asked = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        let profile = asked(process.apparmor_profile()).map(|name| format!("exec {name}"));
        let command = profile.map(|command| c_string("process.apparmorProfile", &command));
        let label = asked(process.selinux_label());
        let label = label.map(|label| c_string("process.selinuxLabel", &label));
        Ok(Self { apparmor: command.transpose()?, selinux: label.transpose()? })
    }

    /// With those of `others` for what these say nothing of.
    pub(super) fn or(self, others: &Self) -> Self {
        Self {
            apparmor: self.apparmor.or_else(|| others.apparmor.clone()),
            selinux: self.selinux.or_else(|| others.selinux.clone()),
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.apparmor.is_none() && self.selinux.is_none()
    }
}
