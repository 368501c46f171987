//! Makes a container of what `checkpoint` has written.

use super::super::console::{Console, Detach};
use super::super::create::absolute;
use super::super::foreground;
use super::super::hooks::{OfCreate, Poststop};
use super::super::interrupt::Interrupt;
use super::super::root::{Entry, Root};
use super::super::run::Running;
use super::super::state::{Phase, State};
use super::super::supervised::Supervised;
use super::super::{filter, pidfile};
use super::rpc::{CgroupRoot, InheritFd, Opts, RESTORE};
use super::service::{Notified, Place, Service};
use super::{CONFIG, CgroupsMode, DESCRIPTORS, Directories, Options, external};
use crate::cgroup::NewCgroup;
use crate::error::{Doing, Error, Result};
use crate::plan::cgroup::place::{Birthplace, Cgroups};
use crate::plan::{Facts, Hooks, Options as PlanOptions, Plan, Stdio};
use crate::spec;
use crate::sys::descriptor;
use crate::sys::file::{self, OFlag};
use crate::sys::process::{self, Child, CloneFlags};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Three paths; one of a file may be long.
const DESCRIPTORS_LIMIT: usize = 64 << 10;

/// What CRIU tells of before it goes on (`criu_notify.script`).
const NAMESPACES_ARE_THERE: &str = "setup-namespaces";
const TERMINAL_IS_THERE: &str = "orphan-pts-master";

/// What `restore` is asked for.
#[derive(Debug)]
pub struct Restore<'a> {
    /// What it has in common with `checkpoint`.
    pub options: Options<'a>,
    /// The name of the container.
    pub id: &'a str,
    /// The directory of its config.json.
    pub bundle: &'a Path,
    /// Where its pid is written to.
    pub pid_file: Option<&'a Path>,
    /// Where its terminal is sent to.
    pub console_socket: Option<&'a Path>,
    /// Whether its end is waited for.
    pub detach: Detach,
    /// Whether orphans of it are left to whoever else reaps them.
    pub no_subreaper: bool,
    /// Whether TCP connections are restored as closed.
    pub tcp_close: bool,
    /// The profile of `AppArmor`'s or the label of `SELinux`'s that its processes have.
    pub lsm_profile: Option<&'a str>,
    /// The context that its mounts have.
    pub lsm_mount_context: Option<&'a str>,
    /// Who makes its cgroup.
    pub cgroups: Cgroups,
}

/// Restores a container, which runs then. What remains to be done is [`Running::wait`].
///
/// # Errors
///
/// Every error of this library; whichever it is, nothing of the container is left.
pub fn restore<'a>(root: &'a Root, request: &'a Restore<'a>) -> Result<Running<'a>> {
    let interrupt = Interrupt::catch()?;
    if request.detach == Detach::No && !request.no_subreaper {
        process::set_child_subreaper().doing(|| "restore".to_owned())?;
    }
    let Restored { child, terminal, warnings } = restore_until(&interrupt, root, request)?;
    let mut signals = foreground::signals(request.detach)?;
    interrupt.make_sure_none_came()?;
    interrupt.end(signals.as_mut());
    Ok(Running::of((root, request.id), child, terminal, signals, warnings))
}

/// Restores a container, as [`restore`] does; its terminal stays here. `request.detach` must be
/// [`Detach::Supervised`].
///
/// # Errors
///
/// As those of `restore`.
pub fn restore_supervised(root: &Root, request: &Restore<'_>) -> Result<Supervised> {
    let interrupt = Interrupt::catch()?;
    let Restored { child, terminal, warnings } = restore_until(&interrupt, root, request)?;
    Ok(Supervised { process: child.into(), terminal, warnings })
}

/// A container that runs.
struct Restored {
    child: Child,
    terminal: Option<OwnedFd>,
    warnings: Vec<String>,
}

fn restore_until(interrupt: &Interrupt, root: &Root, request: &Restore<'_>) -> Result<Restored> {
    let bundle = absolute(request.bundle)?;
    let spec = spec::load(&bundle)?;
    let plan = Plan::build(&spec, &bundle, &PlanOptions::default(), &Facts::probe()?)?;
    let console = Console::open(&plan, request.console_socket, request.detach)?;
    let hooks = Hooks::to_keep(&spec)?;
    let mut state = State::of_container(request.id, None, &bundle, &spec)?;
    state.has_hooks = hooks.is_some();
    state.namespaces = plan.namespaces.kinds().bits();
    let image = Image::open(request, &plan, &state, &external::namespaces(&plan)?)?;
    let birthplace = Birthplace::of_container(&spec, request.id, request.cgroups)?;
    state.scope = birthplace.unit();
    let prepared =
        Prepared { state, hooks, plan: &plan, birthplace, pid_file: request.pid_file, console };
    let (child, terminal) = bring_back(root, prepared, image, interrupt)?;
    Ok(Restored { child, terminal, warnings: plan.warnings })
}

/// All that is needed beside CRIU's files: decided, opened, and nothing of it done yet.
struct Prepared<'a> {
    state: State,
    /// The hooks of later verbs, as they are kept.
    hooks: Option<Vec<u8>>,
    plan: &'a Plan,
    birthplace: Birthplace,
    pid_file: Option<&'a Path>,
    console: Console,
}

/// What a container is made of: CRIU's files, and what of the host goes with them.
struct Image {
    opts: Opts,
    directories: Directories,
    rootfs: CString,
    inherited: Vec<OwnedFd>,
}

impl Image {
    fn open(
        request: &Restore<'_>,
        plan: &Plan,
        state: &State,
        namespaces: &[external::Namespace],
    ) -> Result<Self> {
        let options = &request.options;
        if !options.image_path.is_dir() {
            let path = options.image_path.display();
            return Err(Error::invalid("--image-path", path, "not a directory"));
        }
        let directories = options.open("restore.log")?;
        let mut opts = options.opts(&directories, state.annotations.get(CONFIG))?;
        let mut inherited = Vec::new();
        for namespace in namespaces {
            opts.inherit_fd.push(namespace.of_restore(inherited.len()));
            inherited.push(namespace.open()?);
        }
        let links = descriptors(directories.images.as_fd())?;
        for (link, stdio) in links.iter().zip(descriptor::stdio()) {
            if link.starts_with("pipe:") {
                let fd = external::number(inherited.len());
                opts.inherit_fd.push(InheritFd { key: link.clone(), fd });
                inherited.push(descriptor::duplicate(stdio).doing(|| link.clone())?);
            }
        }
        let mounts = external::mounts(plan, &state.rootfs)?;
        opts.ext_mnt = mounts.iter().map(external::Mount::of_restore).collect();
        opts.root = Some(state.rootfs.to_string_lossy().into_owned());
        opts.rst_sibling = Some(true);
        opts.notify_scripts = Some(true);
        opts.orphan_pts_master = Some(matches!(plan.process.stdio, Stdio::Terminal(_)));
        opts.tcp_close = Some(request.tcp_close);
        opts.lsm_profile = request.lsm_profile.map(str::to_owned);
        opts.lsm_mount_context = request.lsm_mount_context.map(str::to_owned);
        let rootfs = CString::new(state.rootfs.as_os_str().as_bytes()).unwrap_or_default();
        Ok(Self { opts, directories, rootfs, inherited })
    }

    /// Has CRIU restore the processes into `cgroup`; answers with the first of them.
    fn restore(
        mut self,
        plan: &Plan,
        cgroup: &NewCgroup,
        interrupt: &Interrupt,
        on: impl FnMut(Notified) -> Result<()>,
    ) -> Result<Child> {
        let manages = self.opts.manage_cgroups_mode != Some(CgroupsMode::Ignore.number());
        if manages {
            let path = cgroup.path().to_owned();
            self.opts.cg_root.push(CgroupRoot { ctrl: None, path });
        }
        let own = if manages { CloneFlags::empty() } else { external::new_for_criu(plan) };
        let service = Service::start(&Place {
            cgroup: Some(cgroup.fd()),
            new: own,
            root: Some(&self.rootfs),
            inherited: self.inherited.iter().map(AsFd::as_fd).collect(),
        })?;
        let asked = (RESTORE, self.opts, self.directories.log.as_path());
        let response = service.ask(asked, interrupt, on)?;
        let pid = response.restore.map(|restored| restored.pid);
        let pid = pid.ok_or_else(|| Error::init_ended("criu names no process"))?;
        // It is a child of this process, so its number is nobody else's.
        let pidfd = process::pidfd_open(pid).doing(|| format!("process {pid}"))?;
        service.end()?;
        Ok(Child { pid, pidfd })
    }
}

fn descriptors(images: BorrowedFd<'_>) -> Result<Vec<String>> {
    let doing = || format!("--image-path: reading {DESCRIPTORS:?}");
    let fd = file::open_beneath(images, DESCRIPTORS, OFlag::O_RDONLY).doing(doing)?;
    let text = file::read_to_end(fd, DESCRIPTORS_LIMIT).doing(doing)?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::invalid("--image-path", doing(), error.to_string()))
}

/// Makes the container of what was prepared, in the order of `create`: the state first, then the
/// cgroup, then the processes.
fn bring_back(
    root: &Root,
    mut prepared: Prepared<'_>,
    image: Image,
    interrupt: &Interrupt,
) -> Result<(Child, Option<OwnedFd>)> {
    let reserved = root.reserve(&prepared.state.id)?;
    let entry = reserved.entry()?;
    let plan = prepared.plan;
    prepared.state.save(entry)?;
    filter::save(entry, plan)?;
    let poststop = Poststop::keep(entry, &prepared.state, prepared.hooks.as_deref())?;
    let mut made = prepared.birthplace.make(&reserved, plan)?;
    if let Some(rules) = &plan.cgroup.devices {
        made.leaf().confine(rules, reserved.root())?;
    }
    let hooks = OfCreate { hooks: &plan.hooks, state: &prepared.state };
    let mut terminal = None;
    let child =
        image.restore(plan, made.leaf(), interrupt, |Notified { what, descriptor }| match what
            .script
            .as_deref()
        {
            Some(NAMESPACES_ARE_THERE) => hooks.run(what.pid.unwrap_or(0), interrupt),
            Some(TERMINAL_IS_THERE) => {
                terminal = descriptor;
                Ok(())
            }
            _ => Ok(()),
        })?;
    made.has_process();
    let terminal = match terminal {
        Some(terminal) => prepared.console.give(plan, terminal)?,
        None => None,
    };
    finish(entry, &mut prepared, made.leaf(), child.pid)?;
    made.keep();
    poststop.disarm();
    reserved.keep();
    Ok((child, terminal))
}

fn finish(entry: &Entry, prepared: &mut Prepared<'_>, cgroup: &NewCgroup, pid: i32) -> Result<()> {
    prepared.birthplace.limit_late(cgroup, prepared.plan)?;
    prepared.state.created(pid)?;
    prepared.state.phase = Phase::Started;
    prepared.state.save(entry)?;
    match prepared.pid_file {
        Some(path) => pidfile::write(path, pid),
        None => Ok(()),
    }
}
