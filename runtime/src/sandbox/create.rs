//! Creates a sandbox: pause is started, and holds the namespaces of a pod.

use super::plan;
use crate::container::{Console, Prepared, Root, Start, State, bring_up, oom_score_of};
use crate::error::{Doing, Result};
use crate::init::Sources;
use crate::plan::IdMaps;
use crate::plan::cgroup::place::{Birthplace, DEFAULT_PARENT};
use crate::plan::ids::IdMap;
use crate::plan::pause::OOM_SCORE;
use crate::sys::socket;
use serde::Serialize;
use std::path::PathBuf;

/// How the containers of a pod see each other's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PidMode {
    /// All are in the PID namespace of pause, which reaps their orphans.
    #[default]
    Shared,
    /// Each has a PID namespace of its own below that of pause, where its first
    /// process is number 1.
    Nested,
}

/// A new sandbox.
#[derive(Debug, Serialize)]
pub struct Created {
    /// Its name.
    pub id: String,
    /// The pause process, as the caller sees it.
    pub pid: i32,
    /// The namespaces that it holds, as paths for `linux.namespaces[].path`.
    pub namespaces: Namespaces,
    /// The pod's `/dev/shm`, as a source for a bind mount.
    pub shm: PathBuf,
    /// The pod's cgroup, below the top of the hierarchy.
    pub cgroup: String,
    /// What it could not be given.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// The paths of a pod's namespaces.
#[derive(Debug, Serialize)]
pub struct Namespaces {
    /// Its network.
    pub network: PathBuf,
    /// System V IPC and POSIX message queues.
    pub ipc: PathBuf,
    /// Its hostname.
    pub uts: PathBuf,
    /// Its processes.
    pub pid: PathBuf,
    /// Its users, if they are not those of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<PathBuf>,
}

/// What a sandbox is to be.
#[derive(Debug, Default)]
pub struct Options<'a> {
    /// How its containers see each other's processes.
    pub mode: PidMode,
    /// The hostname of the pod.
    pub hostname: Option<&'a str>,
    /// The maps of its user namespace: users, and groups. Both empty: it has none.
    pub uid_maps: Vec<IdMap>,
    /// Likewise.
    pub gid_maps: Vec<IdMap>,
}

/// Creates the sandbox `id`.
///
/// # Errors
///
/// Every error of this library; whichever it is, nothing of the sandbox is left.
pub fn create(root: &Root, id: &str, options: Options<'_>) -> Result<Created> {
    let Options { mode, hostname, uid_maps, gid_maps } = options;
    let maps = match (uid_maps.as_slice(), gid_maps.as_slice()) {
        ([], []) => None,
        _ => Some(IdMaps::new(uid_maps, gid_maps, ["--uid-map", "--gid-map"])?),
    };
    let plan = plan::build(hostname, maps.as_ref())?;
    let (ours, theirs) = socket::pair().doing(|| "the link to pause".to_owned())?;
    let sources = Sources::open(&plan, Some(theirs))?;
    let cgroup = format!("{DEFAULT_PARENT}/{id}");
    let prepared = Prepared {
        state: State::of_sandbox(id, mode.is_nested(), maps.clone()),
        hooks: None,
        config: None,
        plan: &plan,
        sources,
        birthplace: Birthplace::Sandbox(cgroup.clone()),
        pid_file: None,
        console: Console::Here,
        pidfd_sockets: Vec::new(),
        agent: None,
        // Pause writes one byte when it has blocked its signals: from then on nothing is lost.
        start: Start::AtOnce(&ours),
    };
    let pid = bring_up(root.reserve(id)?, prepared)?.child.pid;
    let of_pause = |name: &str| PathBuf::from(format!("/proc/{pid}/{name}"));
    Ok(Created {
        id: id.to_owned(),
        pid,
        namespaces: Namespaces {
            network: of_pause("ns/net"),
            ipc: of_pause("ns/ipc"),
            uts: of_pause("ns/uts"),
            pid: of_pause("ns/pid"),
            user: maps.map(|_| of_pause("ns/user")),
        },
        shm: of_pause("root/dev/shm"),
        cgroup,
        warnings: warnings(pid),
    })
}

fn warnings(pid: i32) -> Vec<String> {
    let wanted = OOM_SCORE;
    match oom_score_of(pid) {
        Some(score) if score != wanted => vec![format!(
            "oom_score_adj of pause is {score}, not {wanted}: lowering it needs CAP_SYS_RESOURCE"
        )],
        _ => Vec::new(),
    }
}
