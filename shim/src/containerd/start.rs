//! `start`: answers with the address of a shim, and starts it if there is none.
//!
//! containerd reads standard output and error together, up to their end: nothing else may be
//! written there, and the shim must not keep them.

use super::args::Args;
use super::bootstrap::{self, Asked, Dialect};
use super::socket::{self, Claim};
use anyhow::{Context, Result, ensure};
use peapod::sys::resident;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Component, Path};
use std::process::{Command, Stdio};

/// Annotations that name a group of containers with one shim, the first that is there
/// (containerd, cmd/containerd-shim-runc-v2/manager).
const GROUPS: [&str; 2] = ["io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"];

/// Where containerd listens for events.
pub(super) const TTRPC_ADDRESS: &str = "TTRPC_ADDRESS";

/// What containerd sets for shims that are written in Go.
const OF_GO: [&str; 2] = ["GOMAXPROCS", "MAX_SHIM_VERSION"];

/// What containerd sets if containers shall not share a core with others.
const SCHED_CORE: &str = "SCHED_CORE";

/// Where containerd 1.6 looks for the address when it is started again.
const ADDRESS: &str = "address";

const WORST: i32 = 1000;

pub(super) fn start(args: &Args, name: &str) -> Result<()> {
    ensure!(!args.namespace.is_empty(), "-namespace: missing");
    ensure!(!args.id.is_empty(), "-id: missing");
    let asked = Asked::read(&input()?, args, name)?;
    let bundle = args.bundle.as_deref().unwrap_or(Path::new("."));
    let group = group(bundle)?.unwrap_or_else(|| args.id.clone());
    let directory = asked.socket_dir.as_deref();
    let path = socket::path_of(directory, [&asked.address, &args.namespace, &group])?;
    if let Claim::Ours(new) = socket::claim(&path)? {
        prepare(&asked)?;
        spawn(new.listener()?, args, &asked, name)?;
        new.hand_over();
    }
    let address = format!("unix://{}", path.display());
    if asked.dialect == Dialect::Address {
        write_address(bundle, &address)?;
    }
    super::answer(&asked.dialect.answer(&address)?)
}

fn input() -> Result<Vec<u8>> {
    let mut input = Vec::new();
    io::stdin().take(bootstrap::LIMIT).read_to_end(&mut input).context("standard input")?;
    Ok(input)
}

/// config.json, as far as it matters here.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// The group that the bundle's container is in. A sandbox of the shim's has no config.json.
fn group(bundle: &Path) -> Result<Option<String>> {
    let path = bundle.join("config.json");
    let doing = || path.display().to_string();
    let file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.with_context(doing)?,
    };
    let mut config: Config = serde_json::from_reader(BufReader::new(file)).with_context(doing)?;
    Ok(GROUPS.into_iter().find_map(|name| config.annotations.remove(name)))
}

/// Makes this process what the shim, its child, shall be.
fn prepare(asked: &Asked) -> Result<()> {
    if let Some(cgroup) = &asked.options.shim_cgroup {
        join(cgroup).with_context(|| format!("options.ShimCgroup: {}", cgroup.display()))?;
    }
    if std::env::var_os(SCHED_CORE).is_some_and(|value| !value.is_empty()) {
        resident::new_core_cookie().context(SCHED_CORE)?;
    }
    adjust_oom_score().context("the shim's oom_score_adj")
}

/// The kernel shall rather end the shim than containerd.
fn adjust_oom_score() -> Result<()> {
    let of_parent = fs::read_to_string(format!("/proc/{}/oom_score_adj", parent_id()))?;
    let score = of_parent.trim().parse::<i32>()?.saturating_add(1).min(WORST);
    Ok(fs::write("/proc/self/oom_score_adj", score.to_string())?)
}

/// Joins a cgroup that is there. It is the one cgroup that anything of ours is moved into: the shim
/// is born by this process, which was born by containerd.
fn join(cgroup: &Path) -> Result<()> {
    let is_plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    ensure!(cgroup.components().all(is_plain), "not a plain path");
    let tops = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
    let is_version_2 = |top: &&Path| top.join("cgroup.controllers").exists();
    let top = tops.into_iter().find(is_version_2).context("no cgroup version 2")?;
    let cgroup = top.join(cgroup.strip_prefix("/").unwrap_or(cgroup));
    Ok(File::options().write(true).open(cgroup.join("cgroup.procs"))?.write_all(b"0")?)
}

/// Executes this program again, as the shim: with the listener for its standard input, and with no
/// output.
fn spawn(listener: UnixListener, args: &Args, asked: &Asked, name: &str) -> Result<()> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(name).args(["-namespace", &args.namespace, "-id", &args.id]);
    command.args(["-address", &asked.address]);
    if let Some(bundle) = &args.bundle {
        command.arg("-bundle").arg(bundle);
    }
    if asked.debug {
        command.arg("-debug");
    }
    command.arg("serve");
    for name in OF_GO {
        command.env_remove(name);
    }
    if let Some(address) = &asked.ttrpc_address {
        command.env(TTRPC_ADDRESS, address);
    }
    command.stdin(OwnedFd::from(listener)).stdout(Stdio::null()).stderr(Stdio::null());
    // It outlives this process, which does not wait for it.
    command.spawn().map(drop).context("executing the shim")
}

/// What is there is replaced at once: containerd may read it at any time.
fn write_address(bundle: &Path, address: &str) -> Result<()> {
    let (path, new) = (bundle.join(ADDRESS), bundle.join(format!(".{ADDRESS}")));
    let written = fs::write(&new, address).and_then(|()| fs::rename(&new, &path));
    written.with_context(|| path.display().to_string())
}
