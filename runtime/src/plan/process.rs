//! The program, and who it runs as.

use super::seccomp::Filter;
use super::{Facts, Target, c_path, c_string};
use crate::error::{Error, Result};
use crate::sys::identity::{Capabilities, Ids, Limit};
use crate::sys::process::Strings;
use caps::Capability;
use oci_spec::runtime::{LinuxCapabilities, PosixRlimit, Spec};
use std::ffi::CString;
use std::str::FromStr;

/// The process that a container runs, or that is added to it.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) executable: Executable,
    pub(crate) stdio: Stdio,
    pub(crate) argv: Strings,
    pub(crate) envp: Strings,
    pub(crate) cwd: Target,
    pub(crate) identity: Identity,
    pub(crate) limits: Vec<Resource>,
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) no_new_privileges: bool,
    pub(crate) seccomp: Option<Filter>,
}

/// How the program is found.
#[derive(Debug)]
pub(crate) enum Executable {
    /// The first of these paths, inside the root, that may be executed.
    Search(Vec<CString>),
    /// The program of pause, from memory.
    Pause,
}

/// What the program has as stdin, stdout and stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdio {
    /// Those of this process.
    Inherited,
    /// None: whoever reads the output of the runtime would wait for the program's end.
    Closed,
}

/// The user, and what it may do.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) uid: Ids,
    pub(crate) gid: Ids,
    pub(crate) groups: Vec<u32>,
    pub(crate) umask: u32,
    pub(crate) capabilities: Capabilities,
}

/// A resource limit by its number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) name: String,
    pub(crate) number: u32,
    pub(crate) limit: Limit,
}

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Process {
    pub(super) fn build(spec: &Spec, facts: &Facts, warnings: &mut Vec<String>) -> Result<Self> {
        let process = spec
            .process()
            .as_ref()
            .ok_or_else(|| Error::invalid("process", "missing", "there is nothing to run"))?;
        let args = process.args().as_deref().unwrap_or_default();
        let env = process.env().as_deref().unwrap_or_default();
        let user = process.user();
        let asked = process.capabilities().as_ref();
        Ok(Self {
            executable: Executable::Search(candidates(args, env)?),
            stdio: Stdio::Inherited,
            argv: strings("process.args", args)?,
            envp: strings("process.env", env)?,
            cwd: Target::new("process.cwd", &process.cwd().to_string_lossy())?,
            identity: Identity {
                uid: Ids::all(user.uid()),
                gid: Ids::all(user.gid()),
                groups: user.additional_gids().clone().unwrap_or_default(),
                umask: user.umask().unwrap_or(0o022),
                capabilities: capabilities(asked, facts, warnings)?,
            },
            limits: limits(process.rlimits().as_deref().unwrap_or_default())?,
            oom_score_adj: process.oom_score_adj(),
            no_new_privileges: process.no_new_privileges().unwrap_or(false),
            seccomp: spec
                .linux()
                .as_ref()
                .and_then(|linux| linux.seccomp().as_ref())
                .map(Filter::build)
                .transpose()?,
        })
    }
}

fn strings(field: &str, found: &[String]) -> Result<Strings> {
    let owned: Result<Vec<_>> = found.iter().map(|text| c_string(field, text)).collect();
    Ok(Strings::new(owned?))
}

/// Where the program may be: as execvp(3) looks for it, except that an empty part of
/// PATH is skipped.
fn candidates(args: &[String], env: &[String]) -> Result<Vec<CString>> {
    let name = args.first().map_or("", String::as_str);
    if name.contains('/') {
        return Ok(vec![c_string("process.args[0]", name)?]);
    }
    let path = env.iter().rev().find_map(|variable| variable.strip_prefix("PATH="));
    path.unwrap_or(DEFAULT_PATH)
        .split(':')
        .filter(|dir| !dir.is_empty())
        .map(|dir| c_path("process.args[0]", &std::path::Path::new(dir).join(name)))
        .collect()
}

/// The five sets. One that is not given is empty: an omitted bounding set must not
/// mean "everything".
///
/// What this process does not hold itself it cannot give: config.md asks for a warning then,
/// not for an error.
fn capabilities(
    asked: Option<&LinuxCapabilities>,
    facts: &Facts,
    warnings: &mut Vec<String>,
) -> Result<Capabilities> {
    let Some(asked) = asked else { return Ok(Capabilities::default()) };
    let mut missing = 0;
    let mut mask = |set: &Option<oci_spec::runtime::Capabilities>| {
        let mut mask = 0;
        for capability in set.iter().flatten() {
            mask |= parse(&format!("CAP_{capability}"))?.bitmask();
        }
        missing |= mask & !facts.permitted;
        Ok::<u64, Error>(mask & facts.permitted)
    };
    let mut sets = Capabilities {
        bounding: mask(asked.bounding())?,
        effective: mask(asked.effective())?,
        inheritable: mask(asked.inheritable())?,
        permitted: mask(asked.permitted())?,
        ambient: mask(asked.ambient())?,
    };
    // The kernel's own conditions: capabilities(7).
    missing |= sets.effective & !sets.permitted;
    sets.effective &= sets.permitted;
    missing |= sets.ambient & !(sets.permitted & sets.inheritable);
    sets.ambient &= sets.permitted & sets.inheritable;
    let mut names: Vec<_> = caps::all()
        .into_iter()
        .filter(|capability| missing & capability.bitmask() != 0)
        .map(|capability| capability.to_string())
        .collect();
    names.sort();
    if !names.is_empty() {
        warnings.push(format!("process.capabilities: cannot be granted: {}", names.join(", ")));
    }
    Ok(sets)
}

fn parse(name: &str) -> Result<Capability> {
    Capability::from_str(name)
        .map_err(|_| Error::invalid("process.capabilities", name, "no such capability"))
}

fn limits(asked: &[PosixRlimit]) -> Result<Vec<Resource>> {
    let mut limits = Vec::new();
    for limit in asked {
        let name = limit.typ().to_string();
        let number = RESOURCES.iter().position(|known| *known == name);
        let Some(number) = number.and_then(|number| u32::try_from(number).ok()) else {
            return Err(Error::invalid("process.rlimits", name, "no such resource"));
        };
        let limit = Limit { soft: limit.soft(), hard: limit.hard() };
        limits.push(Resource { name, number, limit });
    }
    Ok(limits)
}

/// include/uapi/asm-generic/resource.h: the number of each is its place.
const RESOURCES: [&str; 16] = [
    "RLIMIT_CPU",
    "RLIMIT_FSIZE",
    "RLIMIT_DATA",
    "RLIMIT_STACK",
    "RLIMIT_CORE",
    "RLIMIT_RSS",
    "RLIMIT_NPROC",
    "RLIMIT_NOFILE",
    "RLIMIT_MEMLOCK",
    "RLIMIT_AS",
    "RLIMIT_LOCKS",
    "RLIMIT_SIGPENDING",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
];
