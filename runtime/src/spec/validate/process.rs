//! config.md, "Process".

use super::{absolute_path, schedule};
use crate::error::{Error, Result};
use oci_spec::runtime::{PosixRlimit, Process, User};

/// What the kernel takes for "leave it as it is": a process with that id would keep the ids of
/// root.
const NO_ID: u32 = u32::MAX;

/// include/uapi/linux/limits.h: the most supplementary groups that a process can have.
const NGROUPS_MAX: usize = 65_536;

pub(super) fn check(process: Option<&Process>) -> Result<()> {
    let Some(process) = process else {
        return Err(Error::invalid("process", "missing", "there is nothing to run"));
    };
    args(process.args().as_deref().unwrap_or_default())?;
    absolute_path("process.cwd", process.cwd())?;
    env(process.env().as_deref().unwrap_or_default())?;
    user(process.user())?;
    rlimits(process.rlimits().as_deref().unwrap_or_default())?;
    schedule::check(process)?;
    labels(process)?;
    match process.oom_score_adj() {
        Some(score) if !(-1000..=1000).contains(&score) => {
            Err(Error::invalid("process.oomScoreAdj", score, "not within -1000 and 1000"))
        }
        _ => Ok(()),
    }
}

fn labels(process: &Process) -> Result<()> {
    for (field, label) in [
        ("process.apparmorProfile", process.apparmor_profile()),
        ("process.selinuxLabel", process.selinux_label()),
    ] {
        without_nul(field, label.as_deref().unwrap_or_default())?;
    }
    Ok(())
}

fn args(args: &[String]) -> Result<()> {
    match args.first() {
        None => Err(Error::invalid("process.args", "[]", "the name of a program is needed")),
        Some(name) if name.is_empty() => {
            Err(Error::invalid("process.args[0]", "\"\"", "the name of a program is needed"))
        }
        Some(_) => args
            .iter()
            .enumerate()
            .try_for_each(|(at, arg)| without_nul(&format!("process.args[{at}]"), arg)),
    }
}

fn env(env: &[String]) -> Result<()> {
    for (at, variable) in env.iter().enumerate() {
        let field = format!("process.env[{at}]");
        without_nul(&field, variable)?;
        let reason = match variable.split_once('=') {
            None => "not of the form NAME=value",
            Some(("", _)) => "the name of the variable is empty",
            Some(_) => continue,
        };
        return Err(Error::invalid(field, format!("{variable:?}"), reason));
    }
    Ok(())
}

pub(super) fn without_nul(field: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::invalid(field, format!("{text:?}"), "contains a NUL byte"));
    }
    Ok(())
}

fn user(user: &User) -> Result<()> {
    id("process.user.uid", user.uid())?;
    id("process.user.gid", user.gid())?;
    let groups = user.additional_gids().as_deref().unwrap_or_default();
    if groups.len() > NGROUPS_MAX {
        let field = "process.user.additionalGids";
        return Err(Error::invalid(field, groups.len(), "more groups than 65536"));
    }
    for (at, &group) in groups.iter().enumerate() {
        id(&format!("process.user.additionalGids[{at}]"), group)?;
    }
    match user.umask() {
        Some(umask) if umask > 0o777 => {
            let reason = format!("not within 0 and {} (octal 777)", 0o777);
            Err(Error::invalid("process.user.umask", umask, reason))
        }
        _ => Ok(()),
    }
}

/// An id of a user or a group.
pub(super) fn id(field: &str, id: u32) -> Result<()> {
    if id == NO_ID {
        return Err(Error::invalid(field, id, "means \"no change\" to the kernel, not an id"));
    }
    Ok(())
}

fn rlimits(limits: &[PosixRlimit]) -> Result<()> {
    for (at, limit) in limits.iter().enumerate() {
        let name = limit.typ().to_string();
        if limits[..at].iter().any(|other| other.typ() == limit.typ()) {
            return Err(Error::invalid("process.rlimits", name, "given twice"));
        }
        if limit.soft() > limit.hard() {
            let field = format!("process.rlimits[{name}].soft");
            let reason = format!("above the hard limit, {}", limit.hard());
            return Err(Error::invalid(field, limit.soft(), reason));
        }
    }
    Ok(())
}
