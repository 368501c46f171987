//! The program, and who it runs as.

use super::ids::{IdMaps, listed, on_host};
use super::labels::Labels;
use super::schedule::Schedule;
use super::seccomp::Filter;
use super::{Descriptors, Facts, Target, c_path, c_string};
use crate::error::{Error, Result};
use crate::spec::annotations::{
    KEEP_ORIGINAL_GROUPS, SECCOMP_BPF_DATA, SECCOMP_FAIL_UNKNOWN, annotation,
};
use crate::sys::identity::{Capabilities, Ids, Limit};
use crate::sys::process::Strings;
use crate::sys::terminal::Size;
use caps::Capability;
use oci_spec::runtime::{self, LinuxCapabilities, PosixRlimit, Spec};
use std::ffi::{CStr, CString};
use std::str::FromStr;

/// The process that a container runs, or that is added to it.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) executable: Executable,
    pub(crate) stdio: Stdio,
    /// The descriptors after those that it keeps.
    pub(crate) preserved: Descriptors,
    pub(crate) argv: Strings,
    pub(crate) envp: Strings,
    /// The user whose home directory init adds to the environment, which has none.
    pub(crate) home: Option<u32>,
    pub(crate) cwd: Target,
    pub(crate) identity: Identity,
    pub(crate) limits: Vec<Resource>,
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) schedule: Schedule,
    pub(crate) labels: Labels,
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
    /// A pseudoterminal of the container's own; of that size, if it is known.
    Terminal(Option<Size>),
    /// None: whoever reads the output of the runtime would wait for the program's end.
    Closed,
}

/// The user, and what it may do.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) uid: Ids,
    pub(crate) gid: Ids,
    /// The supplementary ones; `None` keeps those of whoever creates it.
    pub(crate) groups: Option<Vec<u32>>,
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
        let asked = spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref());
        if annotation(spec, SECCOMP_FAIL_UNKNOWN).is_some() {
            asked.map_or(Ok(()), Filter::make_sure_all_are_known)?;
        }
        let seccomp = match annotation(spec, SECCOMP_BPF_DATA) {
            Some(program) => Some(Filter::given(program)?),
            None => asked.map(Filter::build).transpose()?,
        };
        let schedule = Schedule::of_first(process)?;
        let mut built = Self { seccomp, schedule, ..Self::of(process, facts, warnings)? };
        if annotation(spec, KEEP_ORIGINAL_GROUPS) == Some("1") {
            built.identity.groups = None;
        }
        Ok(built)
    }

    /// Decides for any process: the first one of a container, or one that is added.
    pub(super) fn of(
        process: &runtime::Process,
        facts: &Facts,
        warnings: &mut Vec<String>,
    ) -> Result<Self> {
        let args = process.args().as_deref().unwrap_or_default();
        let env = process.env().as_deref().unwrap_or_default();
        let has_home = env.iter().any(|variable| is_home(variable) && variable != "HOME=");
        let user = process.user();
        let asked = process.capabilities().as_ref();
        Ok(Self {
            executable: Executable::Search(candidates(args, env)?),
            stdio: stdio(process)?,
            preserved: Descriptors::default(),
            argv: strings("process.args", args)?,
            envp: environment(env, has_home)?,
            home: (!has_home).then(|| user.uid()),
            cwd: Target::new("process.cwd", &process.cwd().to_string_lossy())?,
            identity: Identity {
                uid: Ids::all(user.uid()),
                gid: Ids::all(user.gid()),
                groups: Some(user.additional_gids().clone().unwrap_or_default()),
                umask: user.umask().unwrap_or(0o022),
                capabilities: capabilities(asked, facts, warnings)?,
            },
            limits: limits(process.rlimits().as_deref().unwrap_or_default())?,
            oom_score_adj: process.oom_score_adj(),
            schedule: Schedule::of(process)?,
            labels: Labels::of(process)?,
            no_new_privileges: process.no_new_privileges().unwrap_or(false),
            seccomp: None,
        })
    }
}

impl Identity {
    /// Every id that it has, and root, which sets the container up, must be one of the user
    /// namespace.
    pub(crate) fn must_be_mapped(&self, maps: &IdMaps) -> Result<()> {
        let groups = self.groups.iter().flatten().map(|gid| ("process.user.additionalGids", *gid));
        let uids = [
            ("linux.uidMappings", 0),
            ("process.user.uid", self.uid.real),
            ("process.user.uid", self.uid.effective),
        ];
        let gids = [
            ("linux.gidMappings", 0),
            ("process.user.gid", self.gid.real),
            ("process.user.gid", self.gid.effective),
        ];
        let uids = uids.into_iter().map(|id| (id, &maps.uids));
        let gids = gids.into_iter().chain(groups).map(|id| (id, &maps.gids));
        for ((field, id), maps) in uids.chain(gids) {
            if on_host(maps, id).is_none() {
                let reason = format!("not mapped in the user namespace: {}", listed(maps));
                return Err(Error::invalid(field, id, reason));
            }
        }
        Ok(())
    }
}

/// `LISTEN_PID=` and a number.
const LISTEN_PID_ROOM: usize = 32;

/// The longest path of a home directory, and `HOME=` before it.
const HOME_ROOM: usize = 4096;

/// Without a home directory that is empty, and with room for the one that init finds.
fn environment(env: &[String], has_home: bool) -> Result<Strings> {
    if has_home {
        return strings("process.env", env);
    }
    let others: Vec<_> = env.iter().filter(|variable| !is_home(variable)).cloned().collect();
    Ok(strings("process.env", &others)?.with_room(HOME_ROOM))
}

impl Process {
    /// Adds a variable, which replaces one of that name.
    pub(super) fn tell_of(&mut self, variable: &CStr) {
        let name = variable.to_bytes().split(|byte| *byte == b'=').next().unwrap_or_default();
        let envp = std::mem::take(&mut self.envp);
        self.envp = envp.without(name).and(vec![variable.to_owned()]);
    }

    /// Keeps these descriptors, and tells of those that systemd listens on (`sd_listen_fds(3)`).
    pub(super) fn preserve(&mut self, descriptors: Descriptors) -> Result<()> {
        self.preserved = descriptors;
        let Descriptors { listening: listening @ 1.., .. } = descriptors else { return Ok(()) };
        let told = c_string("LISTEN_FDS", &format!("LISTEN_FDS={listening}"))?;
        let envp = std::mem::take(&mut self.envp);
        // The pid that goes with it is not known before there is one.
        self.envp = envp.and(vec![told]).with_room(LISTEN_PID_ROOM);
        Ok(())
    }
}

fn is_home(variable: &str) -> bool {
    variable.starts_with("HOME=")
}

fn stdio(process: &runtime::Process) -> Result<Stdio> {
    if process.terminal() != Some(true) {
        return Ok(Stdio::Inherited);
    }
    let Some(size) = process.console_size() else { return Ok(Stdio::Terminal(None)) };
    let number = |field, value: u64| {
        u16::try_from(value).map_err(|_| Error::invalid(field, value, "more than 65535"))
    };
    let rows = number("process.consoleSize.height", size.height())?;
    let columns = number("process.consoleSize.width", size.width())?;
    let is_known = (rows, columns) != (0, 0);
    Ok(Stdio::Terminal(is_known.then_some(Size { rows, columns })))
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
    let mut mask = |set: &Option<runtime::Capabilities>| {
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
