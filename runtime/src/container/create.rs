//! Creates a container: everything but the execution of its program.

use super::agent::Agent;
use super::console::{Console, Detach};
use super::hooks::{OfCreate, Poststop};
use super::interrupt::Interrupt;
use super::membership::Membership;
use super::pidfd_socket::{Kind, PidfdSocket};
use super::root::{Entry, Reserved};
use super::spawn::spawn;
use super::state::{Phase, State, Status};
use super::trace::phase;
use super::{Root, descriptors, filter, gate, grant, hooks, netdevices, notify, pidfile};
use crate::cgroup::NewCgroup;
use crate::error::{Error, Result};
use crate::init::Sources;
use crate::plan::cgroup::place::{Birthplace, Cgroups};
use crate::plan::{Annotation, Facts, Hooks, Options, Plan, Source, Switch};
use crate::spec::source::{Config, Loaded, load_from};
use crate::sys::process::Child;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What `create` is asked for.
#[derive(Debug)]
pub struct Create<'a> {
    /// The name of the new container.
    pub id: &'a str,
    /// The directory of its config.json.
    pub bundle: &'a Path,
    /// Where its configuration is.
    pub config: Config<'a>,
    /// The sandbox whose namespaces and cgroup it shares.
    pub sandbox: Option<&'a str>,
    /// Where its pid is written to.
    pub pid_file: Option<&'a Path>,
    /// Where its terminal is sent to.
    pub console_socket: Option<&'a Path>,
    /// Where a pidfd of its first process is sent to.
    pub pidfd_socket: Option<&'a Path>,
    /// How many descriptors after stdio its program keeps.
    pub preserve_fds: u32,
    /// Whether it enters its root by chroot: from a ramdisk nothing can pivot.
    pub no_pivot: bool,
    /// Whether it keeps the session keyring of the caller.
    pub no_new_keyring: bool,
    /// What marks a container that only holds namespaces: with this annotation it runs pause, and
    /// not its program.
    pub pause_if: Option<Annotation<'a>>,
    /// Who makes its cgroup, if that is not the sandbox's.
    pub cgroups: Cgroups,
}

/// Creates a container, which then waits for [`start`](super::start()). Answers with what it
/// could not be given.
///
/// # Errors
///
/// Every error of this library; whichever it is, nothing of the container is left.
pub fn create(root: &Root, request: &Create<'_>) -> Result<Vec<String>> {
    create_for(root, request, Detach::Yes).map(|created| created.warnings)
}

/// What [`create`] would do, in full; nothing of it is done.
///
/// # Errors
///
/// Those of `create` that are found before anything is made or opened.
pub fn dry_run(root: &Root, request: &Create<'_>) -> Result<String> {
    let bundle = absolute(request.bundle)?;
    let spec = load_from(request.config, &bundle)?.spec;
    let sandbox = request.sandbox.map(|id| Membership::open(root, id)).transpose()?;
    let options = request.options(sandbox.as_ref())?;
    let plan = Plan::build(&spec, &bundle, &options, &Facts::probe()?)?;
    Ok(format!("{plan:#?}\n"))
}

/// A container that was created, with its first process and its terminal.
#[derive(Debug)]
pub(super) struct Created {
    pub(super) up: Up,
    pub(super) warnings: Vec<String>,
}

/// Creates a container for a caller that stays, or one that does not.
pub(super) fn create_for(root: &Root, request: &Create<'_>, detach: Detach) -> Result<Created> {
    phase("config.json");
    let bundle = absolute(request.bundle)?;
    let Loaded { spec, text } = load_from(request.config, &bundle)?;
    let sandbox = request.sandbox.map(|id| Membership::open(root, id)).transpose()?;
    let options = request.options(sandbox.as_ref())?;
    phase("plan");
    let plan = Plan::build(&spec, &bundle, &options, &Facts::probe()?)?;
    phase("sources");
    let console = Console::open(&plan, request.console_socket, detach)?;
    netdevices::check(&plan)?;
    let sources = Sources::open(&plan, None)?;
    if let Some(sandbox) = &sandbox {
        // What was opened by the number of pause is its own: it has lived all the time.
        sandbox.make_sure_pause_lives()?;
    }
    let birthplace = match &sandbox {
        // In a pod it is the pod's: its limits hold for all.
        Some(sandbox) => Birthplace::Group(format!("{}/{}", sandbox.cgroup(), request.id)),
        None => Birthplace::of_container(&spec, request.id, request.cgroups)?,
    };
    let hooks = Hooks::to_keep(&spec)?;
    let mut state = State::of_container(request.id, request.sandbox, &bundle, &spec)?;
    state.no_new_keyring = request.no_new_keyring;
    state.has_hooks = hooks.is_some();
    state.has_config = text.is_some();
    state.common = plan.common.clone();
    state.is_notified = plan.mounts.iter().any(|mount| mount.source == Source::Notify);
    state.namespaces = plan.namespaces.kinds().bits();
    let prepared = Prepared {
        agent: Agent::open(&plan, &state, Status::Creating)?,
        pidfd_sockets: request.pidfd_sockets(&state)?,
        state,
        hooks,
        config: text,
        plan: &plan,
        sources,
        birthplace,
        pid_file: request.pid_file,
        console,
        start: Start::Later,
    };
    let up = bring_up(root.reserve(request.id)?, prepared)?;
    Ok(Created { up, warnings: plan.warnings })
}

impl Create<'_> {
    fn pidfd_sockets(&self, state: &State) -> Result<Vec<PidfdSocket>> {
        let asked = PidfdSocket::open(self.pidfd_socket, Kind::Init)?;
        Ok(asked.into_iter().chain(PidfdSocket::of_annotations(&state.annotations)?).collect())
    }

    fn options(&self, sandbox: Option<&Membership<'_>>) -> Result<Options<'_>> {
        Ok(Options {
            pause_if: self.pause_if,
            sandbox: sandbox.map(Membership::sharing),
            keyring_of: (!self.no_new_keyring).then(|| self.id.to_owned()),
            switch: if self.no_pivot { Switch::Cover } else { Switch::Pivot },
            is_notified: notify::host().is_some(),
            descriptors: descriptors::kept(self.preserve_fds)?,
        })
    }
}

/// All that [`bring_up`] needs: decided, opened, and nothing of it done yet.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    pub(crate) state: State,
    /// The hooks of later verbs, as they are kept.
    pub(crate) hooks: Option<Vec<u8>>,
    /// The text of its configuration, if that is not in the bundle.
    pub(crate) config: Option<Vec<u8>>,
    pub(crate) plan: &'a Plan,
    pub(crate) sources: Sources,
    /// The cgroup that its first process is born in.
    pub(crate) birthplace: Birthplace,
    pub(crate) pid_file: Option<&'a Path>,
    pub(crate) console: Console,
    /// Whoever is sent a pidfd of its first process.
    pub(crate) pidfd_sockets: Vec<PidfdSocket>,
    /// Whoever is notified by its seccomp filter.
    pub(crate) agent: Option<Agent>,
    pub(crate) start: Start<'a>,
}

/// A container that exists.
#[derive(Debug)]
pub(crate) struct Up {
    /// Its first process.
    pub(crate) child: Child,
    /// The other end of its terminal, if it is for this process.
    pub(crate) terminal: Option<OwnedFd>,
}

/// When the program is executed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start<'a> {
    /// When `start` asks for it.
    Later,
    /// As soon as the container exists; it then sends one byte, which arrives here.
    AtOnce(&'a OwnedFd),
}

/// Makes a container of what was prepared, in the order that a crash at any point leaves traces of:
/// the state first, then the cgroup, then the process. What is made is held by guards; an error
/// drops them, and with them what they made.
pub(crate) fn bring_up(reserved: Reserved<'_>, mut prepared: Prepared<'_>) -> Result<Up> {
    phase("state");
    let interrupt = Interrupt::catch()?;
    let plan = prepared.plan;
    let entry = reserved.entry()?;
    prepared.state.scope = prepared.birthplace.unit();
    prepared.state.save(entry)?;
    filter::save(entry, plan)?;
    prepared.config.as_deref().map_or(Ok(()), |text| entry.write_config(text))?;
    let poststop = Poststop::keep(entry, &prepared.state, prepared.hooks.as_deref())?;
    prepared.sources.hook_states = hooks::states_for_init(plan, &prepared.state)?;
    if prepared.state.is_notified {
        prepared.sources.open_notify(plan, notify::make_directory(entry)?.as_fd())?;
    }
    phase("cgroup");
    let mut made = prepared.birthplace.make(&reserved, plan)?;
    phase("device program");
    if let Some(rules) = &plan.cgroup.devices {
        made.leaf().confine(rules, reserved.root())?;
    }
    plan.cgroup.owner.map_or(Ok(()), |owner| made.leaf().delegate(owner))?;
    prepared.sources.open_cgroup(plan, made.leaf().fd())?;

    let gate = match prepared.start {
        Start::Later => Some(gate::open(entry)?),
        Start::AtOnce(_) => None,
    };
    phase("clone");
    let spawned = spawn(plan, &prepared.sources, made.leaf().fd(), gate.as_ref())?;
    made.has_process();
    let mut spawned = spawned.with_agent(prepared.agent.take());
    let hooks = OfCreate { hooks: &plan.hooks, state: &prepared.state };
    phase("init: from clone to ready");
    let terminal = spawned
        .wait_until_ready(plan, Some(hooks), &interrupt)
        .and_then(|pid| settle(pid, &mut prepared, made.leaf(), entry))
        .and_then(|()| match spawned.take_terminal() {
            Some(terminal) => prepared.console.give(plan, terminal),
            None => Ok(None),
        })
        .map_err(|error| grant::blame_memory(error, made.leaf()))?;
    phase("letting go");
    spawned.release().map_err(|error| grant::blame_memory(error, made.leaf()))?;
    if let Start::AtOnce(ready) = prepared.start {
        drop(prepared.sources);
        spawned.wait_for_program(plan, ready)?;
        prepared.state.phase = Phase::Started;
        prepared.state.save(entry)?;
    }
    let child = spawned.keep()?;
    made.keep();
    poststop.disarm();
    reserved.keep();
    Ok(Up { child, terminal })
}

/// What init is given by its parent once it has done its own part, and what is written of it. The
/// limits that setting up could have met come last.
fn settle(pid: i32, prepared: &mut Prepared<'_>, cgroup: &NewCgroup, entry: &Entry) -> Result<()> {
    phase("limits, state and pid file");
    let plan = prepared.plan;
    grant::limits(plan, pid)?;
    grant::oom_score(plan, pid)?;
    grant::schedule(plan, pid)?;
    grant::pending_signals(plan, pid)?;
    prepared.birthplace.limit_late(cgroup, plan)?;
    prepared.state.created(pid)?;
    prepared.state.save(entry)?;
    prepared.pidfd_sockets.iter().try_for_each(|socket| socket.send(pid))?;
    match prepared.pid_file {
        Some(path) => pidfile::write(path, pid),
        None => Ok(()),
    }
}

pub(super) fn absolute(bundle: &Path) -> Result<PathBuf> {
    std::path::absolute(bundle)
        .map_err(|error| Error::invalid("--bundle", bundle.display(), error.to_string()))
}
