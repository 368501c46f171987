//! The process that is added to a container: from a file of its own, or that of config.json with
//! other arguments.

use super::{parse, parse_process, read, validate};
use crate::error::{Error, Result};
use oci_spec::runtime::{Capabilities, Capability, Process};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as NoCapability;
use std::path::Path;

/// What an added process has that the container's own has not.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// The program and its arguments.
    pub args: &'a [String],
    /// Its working directory.
    pub cwd: Option<&'a str>,
    /// Variables, each `NAME=value`, that replace those of the same name.
    pub env: &'a [String],
    /// Whether it has a terminal.
    pub terminal: bool,
    /// Its user.
    pub user: Option<User>,
    /// Groups beside its own.
    pub groups: &'a [u32],
    /// Whether it can gain privileges: never, or as config.json says.
    pub no_new_privileges: bool,
    /// Its profile of `AppArmor`, if it is not that of config.json.
    pub apparmor_profile: Option<&'a str>,
    /// Its label of `SELinux`, likewise.
    pub selinux_label: Option<&'a str>,
    /// Capabilities that it has too, by their names.
    pub capabilities: &'a [String],
}

/// A user by its number, and a group if it is not that of config.json.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: Option<u32>,
}

/// The process of the file at `path`, in any case with a terminal if there is to be one. What it
/// leaves out is as in the container's `own`, which is read only then.
pub(crate) fn of_file(
    path: &Path,
    own: impl FnOnce() -> Result<Process>,
    terminal: bool,
) -> Result<Process> {
    let mut process: Process = parse(path, &read("--process", path)?)?;
    process.set_terminal(Some(terminal || process.terminal() == Some(true)));
    completed(process, own)
}

/// The process that a text of the same form says.
pub(crate) fn of_json(text: &[u8], own: impl FnOnce() -> Result<Process>) -> Result<Process> {
    completed(parse(Path::new("process"), text)?, own)
}

fn completed(mut process: Process, own: impl FnOnce() -> Result<Process>) -> Result<Process> {
    let is_complete = process.capabilities().is_some() && process.oom_score_adj().is_some();
    if !is_complete || process.rlimits().is_none() {
        let own = own()?;
        if process.capabilities().is_none() {
            process.set_capabilities(own.capabilities().clone());
        }
        if process.rlimits().is_none() {
            process.set_rlimits(own.rlimits().clone());
        }
        if process.oom_score_adj().is_none() {
            process.set_oom_score_adj(own.oom_score_adj());
        }
    }
    checked(process)
}

/// The container's own process, with changes.
pub(crate) fn changed(mut process: Process, changes: &Changes<'_>) -> Result<Process> {
    process.set_args(Some(changes.args.to_vec()));
    process.set_terminal(Some(changes.terminal)).set_console_size(None);
    if let Some(cwd) = changes.cwd {
        process.set_cwd(cwd.into());
    }
    if changes.no_new_privileges {
        process.set_no_new_privileges(Some(true));
    }
    if let Some(profile) = changes.apparmor_profile {
        process.set_apparmor_profile(Some(profile.to_owned()));
    }
    if let Some(label) = changes.selinux_label {
        process.set_selinux_label(Some(label.to_owned()));
    }
    add_env(&mut process, changes.env);
    add_user(&mut process, changes);
    add_capabilities(&mut process, changes.capabilities)?;
    checked(process)
}

/// The process of the config.json of `bundle`.
pub(crate) fn of_bundle(bundle: &Path) -> Result<Process> {
    let path = bundle.join("config.json");
    parse_process(&path, &read("config.json", &path)?)
}

/// The process of a configuration that was kept.
pub(crate) fn of_text(text: &[u8]) -> Result<Process> {
    parse_process(Path::new("config.json of the container"), text)
}

fn checked(process: Process) -> Result<Process> {
    validate::check_process(&process)?;
    Ok(process)
}

/// A program that reads its environment finds the first variable of a name: the old one has to go.
fn add_env(process: &mut Process, added: &[String]) {
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    let env = process.env_mut().get_or_insert_default();
    for (at, variable) in added.iter().enumerate() {
        env.retain(|other| name(other) != name(variable));
        if !added[at + 1..].iter().any(|later| name(later) == name(variable)) {
            env.push(variable.clone());
        }
    }
}

fn add_user(process: &mut Process, changes: &Changes<'_>) {
    let user = process.user_mut();
    if let Some(User { uid, gid }) = changes.user {
        user.set_uid(uid);
        user.set_gid(gid.unwrap_or(user.gid()));
    }
    if !changes.groups.is_empty() {
        let own = user.additional_gids().iter().flatten();
        let all = own.chain(changes.groups).copied().collect();
        user.set_additional_gids(Some(all));
    }
}

/// Never to the inheritable ones: with those a program with file capabilities would get more than
/// the container may have (CVE-2022-29162). Ambient ones have to be inheritable, so that only those
/// can become ambient which are that already.
fn add_capabilities(process: &mut Process, names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let added: Result<Capabilities> = names.iter().map(|name| capability(name)).collect();
    let added = added?;
    let mut sets = process.capabilities().clone().unwrap_or_default();
    let with = |set: &Option<Capabilities>| {
        Some(set.iter().flatten().copied().chain(added.iter().copied()).collect::<Capabilities>())
    };
    let inheritable = sets.inheritable().clone().unwrap_or_default();
    let ambient = with(sets.ambient()).into_iter().flatten();
    let ambient: Capabilities = ambient.filter(|one| inheritable.contains(one)).collect();
    let (bounding, effective) = (with(sets.bounding()), with(sets.effective()));
    let permitted = with(sets.permitted());
    sets.set_bounding(bounding).set_effective(effective).set_permitted(permitted);
    sets.set_ambient(Some(ambient)).set_inheritable(Some(inheritable));
    process.set_capabilities(Some(sets));
    Ok(())
}

fn capability(name: &str) -> Result<Capability> {
    let unknown = |_: NoCapability| Error::invalid("--cap", name, "no such capability");
    Capability::deserialize(name.into_deserializer()).map_err(unknown)
}

#[cfg(test)]
mod tests;
