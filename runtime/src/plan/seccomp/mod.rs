//! Seccomp filters: which system calls a process may still make.
//!
//! `profile` reads what config.json asks for, `compile` makes a program of it with `assemble`,
//! `condition`, and the tables in `arch` and `syscalls`.

mod allow;
mod arch;
mod assemble;
mod compile;
mod condition;
mod given;
mod profile;
mod syscalls;

use crate::error::{Error, Result};
use crate::spec::check_seccomp;
use crate::sys::seccomp::{self, Instruction};
use arch::Architecture;
use oci_spec::runtime::{LinuxSeccomp, LinuxSeccompAction, LinuxSeccompFilterFlag};
use profile::Profile;
use std::path::PathBuf;

/// A program that the kernel runs at each system call, and how it is loaded.
#[derive(PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) program: Vec<Instruction>,
    /// `SECCOMP_FILTER_FLAG_*`.
    pub(crate) flags: u32,
    /// Who answers the calls that the program leaves to somebody else.
    pub(crate) listener: Option<Listener>,
}

/// Whoever a notifying filter's descriptor is sent to: a seccomp agent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    /// Its socket.
    pub(crate) path: PathBuf,
    /// What it is told of the container, beside the state.
    pub(crate) metadata: Option<String>,
}

/// The program of a profile, which is `linux.seccomp` of a config.json: for whoever wants to see
/// it. Each instruction is `code`, `jt`, `jf`, `k` (`struct sock_filter`).
///
/// # Errors
///
/// [`Error::InvalidSpec`], as `create` would say it.
pub fn program_of(profile: &str) -> Result<Vec<(u16, u8, u8, u32)>> {
    let wrong = |error: serde_json::Error| {
        Error::invalid("linux.seccomp", "not a profile", error.to_string())
    };
    let asked = serde_json::from_str(profile).map_err(wrong)?;
    check_seccomp(&asked)?;
    let instructions = Filter::build(&asked)?.program.into_iter();
    Ok(instructions.map(|one| (one.code, one.jt, one.jf, one.k)).collect())
}

/// When a filter is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Before the user is changed: without `no_new_privs` it takes `CAP_SYS_ADMIN`.
    Privileged,
    /// Before the container is said to be ready: its parent passes the descriptor on.
    BeforeReady,
    /// As the last call before exec, so that it need allow nothing but what the program needs.
    Last,
}

impl Filter {
    /// Compiles `linux.seccomp`, which has been checked.
    pub(crate) fn build(asked: &LinuxSeccomp) -> Result<Self> {
        let archs = asked.architectures().as_deref().unwrap_or_default();
        let archs = Architecture::all(archs).map_err(|arch| {
            let reason = "there is no table of its system calls";
            Error::invalid("linux.seccomp.architectures", arch, reason)
        })?;
        Ok(Self {
            program: compile::compile(&Profile::new(asked), &archs)?,
            flags: flags(asked),
            listener: listener(asked),
        })
    }

    /// Makes sure that every call of a profile is one, on some architecture.
    pub(super) fn make_sure_all_are_known(asked: &LinuxSeccomp) -> Result<()> {
        let mut names = asked.syscalls().iter().flatten().flat_map(|rule| rule.names());
        let is_unknown =
            |name: &&String| syscalls::find(name).is_none() && syscalls::part(name).is_none();
        match names.find(is_unknown) {
            Some(name) => {
                let reason = "no such system call";
                Err(Error::invalid("linux.seccomp.syscalls", format!("{name:?}"), reason))
            }
            None => Ok(()),
        }
    }

    /// When a process loads this filter that may or may not gain privileges by exec.
    pub(crate) fn moment(&self, no_new_privileges: bool) -> Moment {
        match (no_new_privileges, &self.listener) {
            (false, _) => Moment::Privileged,
            (true, Some(_)) => Moment::BeforeReady,
            (true, None) => Moment::Last,
        }
    }
}

/// `TSYNC` is not passed on: there is one thread when a filter is loaded. Nor is
/// `WAIT_KILLABLE_RECV` where nobody is notified, which the kernel refuses.
fn flags(asked: &LinuxSeccomp) -> u32 {
    let bit = |flag: &LinuxSeccompFilterFlag| match flag {
        LinuxSeccompFilterFlag::SeccompFilterFlagLog => seccomp::FLAG_LOG,
        LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow => seccomp::FLAG_SPEC_ALLOW,
        LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv if notifies(asked) => {
            seccomp::FLAG_WAIT_KILLABLE_RECV
        }
        LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv
        | LinuxSeccompFilterFlag::SeccompFilterFlagTsync => 0,
    };
    asked.flags().iter().flatten().fold(0, |flags, flag| flags | bit(flag))
}

/// config-linux.md, "Seccomp": without `SCMP_ACT_NOTIFY` the path is ignored.
fn listener(asked: &LinuxSeccomp) -> Option<Listener> {
    let path = asked.listener_path().clone().filter(|_| notifies(asked))?;
    Some(Listener { path, metadata: asked.listener_metadata().clone() })
}

fn notifies(asked: &LinuxSeccomp) -> bool {
    let mut rules = asked.syscalls().iter().flatten();
    rules.any(|rule| rule.action() == LinuxSeccompAction::ScmpActNotify)
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filter({} instructions", self.program.len())?;
        if self.flags != 0 {
            write!(f, ", flags {:#x}", self.flags)?;
        }
        if let Some(listener) = &self.listener {
            write!(f, ", {listener:?}")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests;
