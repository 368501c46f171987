//! Makes a group, and the groups above it.

use super::group::Cgroup;
use super::tree::children;
use super::{Hierarchy, Names, is_gone, read, relative, write};
use crate::error::{Doing, Error, Result};
use crate::plan::cgroup::{CgroupPlan, Controller};
use crate::sys::file::{self, OFlag};
use crate::sys::{self, Errno};
use std::ffi::CStr;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// The controllers that every group gets if the kernel has them, with limits or without: they also
/// count what is used.
const USUAL: [&str; 4] = ["cpu", "io", "memory", "pids"];

/// How often a group above may be removed by others while we are on the way down. With 16 tries,
/// one of 36,000 creations failed beside two others that created and removed without a pause.
const RACES: usize = 128;

/// How long an unfinished group is waited for when it is removed again.
const UNDO_PATIENCE: Duration = Duration::from_secs(2);

/// A group that goes away again, with what is in it and with the groups above that were made for
/// it, unless it is [kept](Self::keep).
#[derive(Debug)]
#[must_use]
pub(crate) struct NewCgroup {
    cgroup: Cgroup,
    undo: Undo,
    is_taken: bool,
}

impl NewCgroup {
    /// Lets the group stay.
    pub(crate) fn keep(self) -> Cgroup {
        let Self { cgroup, mut undo, .. } = self;
        undo.parents.clear();
        undo.leaf = None;
        cgroup
    }

    /// Whether it was there before. It then also stays if nothing comes of the container.
    pub(crate) fn is_taken(&self) -> bool {
        self.is_taken
    }
}

impl Deref for NewCgroup {
    type Target = Cgroup;

    fn deref(&self) -> &Cgroup {
        &self.cgroup
    }
}

impl Hierarchy {
    /// Makes the group `path`, and the groups above it that are not there; then sets the early
    /// limits of `plan`. One that is there already is taken if nothing is in it: whoever has made
    /// it wants the container there (config-linux.md, "Cgroups Path").
    pub(crate) fn create(&self, path: &str, plan: &CgroupPlan) -> Result<NewCgroup> {
        let names = Names::parse(path)?;
        for _ in 0..RACES {
            match self.try_create(&names, plan) {
                Ok(new) => return Ok(new),
                Err(Failure::Gone) => {}
                Err(Failure::Final(error)) => return Err(error),
            }
        }
        let path = &names.path;
        Err(Error::Timeout(format!("cgroup {path}: a group above it was removed again and again")))
    }

    /// The group `path`, which systemd has made for us. If it is not kept its processes are killed,
    /// which ends it.
    pub(super) fn adopt(&self, path: &str) -> Result<NewCgroup> {
        let names = Names::parse(path)?;
        let doing = || format!("cgroup {path}");
        let parent = relative(names.above.last().map_or("", |(path, _)| path));
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        let parent = file::open_beneath(self.root.as_fd(), &parent, flags).doing(doing)?;
        let cgroup = Cgroup::open(parent, &names).doing(doing)?;
        let leaf = Some((names.path, cgroup.id()));
        let undo = Undo { hierarchy: self.clone(), parents: Vec::new(), empty: None, leaf };
        Ok(NewCgroup { cgroup, undo, is_taken: false })
    }

    /// Hands the controllers that `plan` needs down to the group `path`, which exists.
    pub(crate) fn enable(&self, path: &str, plan: &CgroupPlan) -> Result<()> {
        let names = Names::parse(path)?;
        self.try_enable(&names, plan).map_err(|failure| match failure {
            Failure::Gone => Error::NotFound(format!("cgroup {path}")),
            Failure::Final(error) => error,
        })
    }

    /// The limits of `plan` that this host cannot give, whatever group they are for.
    pub(crate) fn missing(&self, plan: &CgroupPlan) -> Result<Vec<Error>> {
        let doing = || "the root cgroup".to_owned();
        let fd = file::open_beneath(self.root.as_fd(), c".", OFlag::O_PATH | OFlag::O_DIRECTORY);
        let top = Above { path: String::new(), fd: fd.doing(doing)? };
        let offer = read(top.fd.as_fd(), c"cgroup.controllers").doing(doing)?;
        let is_offered = |name: &str| offer.split_whitespace().any(|offered| offered == name);
        let missing = plan.controllers.iter().filter(|needed| !is_offered(needed.name));
        Ok(missing.map(|needed| top.unavailable(needed)).collect())
    }

    fn try_enable(&self, names: &Names, plan: &CgroupPlan) -> std::result::Result<(), Failure> {
        let mut above = Above { path: String::new(), fd: open(self.root.as_fd(), c".")? };
        for (path, name) in &names.above {
            above.enable(plan)?;
            above = Above { fd: open(above.fd.as_fd(), name)?, path: path.clone() };
        }
        above.enable(plan)
    }

    fn try_create(
        &self,
        names: &Names,
        plan: &CgroupPlan,
    ) -> std::result::Result<NewCgroup, Failure> {
        let mut undo =
            Undo { hierarchy: self.clone(), parents: Vec::new(), empty: None, leaf: None };
        let mut above = Above { path: String::new(), fd: open(self.root.as_fd(), c".")? };
        for (path, name) in &names.above {
            above.enable(plan)?;
            match file::mkdirat(above.fd.as_fd(), name, 0o755) {
                Ok(()) => undo.parents.push(path.clone()),
                Err(error) if error.errno() == Errno::EEXIST => {}
                Err(error) => return Err(Failure::of(error, || format!("making cgroup {path}"))),
            }
            above = Above { fd: open(above.fd.as_fd(), name)?, path: path.clone() };
        }
        above.enable(plan)?;
        let making = || format!("making cgroup {}", names.path);
        let is_taken = match file::mkdirat(above.fd.as_fd(), &names.name, 0o755) {
            Err(error) if error.errno() == Errno::EEXIST => true,
            made => made.map(|()| false).map_err(|error| Failure::of(error, making))?,
        };
        undo.empty = (!is_taken).then(|| names.path.clone());
        let Above { fd, path: parent } = above;
        let cgroup = Cgroup::open(fd, names).map_err(|error| Failure::of(error, making))?;
        undo.empty = None;
        if is_taken {
            make_sure_it_is_unused(&cgroup)?;
        } else {
            undo.leaf = Some((names.path.clone(), cgroup.id()));
        }
        make_sure_of_the_domain(&cgroup, &parent)?;
        if cgroup.is_frozen()? {
            let message = "container's cgroup unexpectedly frozen: a group above it is";
            return Err(Failure::Final(Error::WrongState(cgroup.doing(message))));
        }
        cgroup.write_all(&plan.early)?;
        Ok(NewCgroup { cgroup, undo, is_taken })
    }
}

/// Why a group could not be made.
enum Failure {
    /// A group above it was removed meanwhile.
    Gone,
    Final(Error),
}

impl Failure {
    fn of(source: sys::Error, doing: impl FnOnce() -> String) -> Self {
        match source.errno() {
            _ if is_gone(&source) => Self::Gone,
            // cgroup.max.depth, cgroup.max.descendants
            Errno::EAGAIN => {
                let doing = format!("{} (a group above it allows no more)", doing());
                Self::Final(Error::Kernel { doing, source })
            }
            _ => Self::Final(Error::Kernel { doing: doing(), source }),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

fn open(dir: BorrowedFd<'_>, name: &CStr) -> std::result::Result<OwnedFd, Failure> {
    file::open_beneath(dir, name, OFlag::O_PATH | OFlag::O_DIRECTORY)
        .map_err(|error| Failure::of(error, || format!("cgroup {name:?}")))
}

/// A group on the way down, not necessarily ours.
struct Above {
    /// Empty for the root.
    path: String,
    fd: OwnedFd,
}

impl Above {
    /// Hands the usual controllers and those that the plan needs down to the groups in this one.
    fn enable(&self, plan: &CgroupPlan) -> std::result::Result<(), Failure> {
        let has = self.read(c"cgroup.subtree_control")?;
        let is_missing = |name: &&str| !has.split_whitespace().any(|enabled| enabled == *name);
        let needed = plan.controllers.iter().filter(|needed| is_missing(&needed.name));
        let needed: Vec<_> = needed.collect();
        if needed.is_empty() && !USUAL.iter().any(is_missing) {
            return Ok(());
        }
        let offer = self.read(c"cgroup.controllers")?;
        let is_offered = |name: &&str| offer.split_whitespace().any(|offered| offered == *name);
        if let Some(needed) = needed.iter().find(|needed| !is_offered(&needed.name)) {
            return Err(Failure::Final(self.unavailable(needed)));
        }
        let usual = USUAL.into_iter().filter(|name| is_missing(name) && is_offered(name));
        let mut wanted: Vec<_> = usual.chain(needed.iter().map(|needed| needed.name)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(());
        }
        let may_enable = self.may_enable()?;
        match (may_enable, needed.first()) {
            (true, _) => self.enable_all(&wanted, &needed),
            (false, None) => Ok(()),
            (false, Some(needed)) => Err(Failure::Final(self.busy(needed))),
        }
    }

    /// Whether controllers may be handed down from here. Only the root may have processes beside
    /// groups with controllers; and in a group with processes, enabling `cpu` or `pids` alone would
    /// succeed but make it threaded, and every group in it useless (cgroup-v2.rst, "Threads").
    fn may_enable(&self) -> std::result::Result<bool, Failure> {
        match read(self.fd.as_fd(), c"cgroup.type") {
            // Not in the root.
            Err(error) if error.errno() == Errno::ENOENT && self.path.is_empty() => {
                return Ok(true);
            }
            Ok(kind) if kind.trim() != "domain" => {
                return Err(Failure::Final(threaded(&self.path, kind.trim())));
            }
            kind => kind.map_err(|error| Failure::of(error, || self.doing("cgroup.type")))?,
        };
        Ok(self.read(c"cgroup.procs")?.is_empty())
    }

    fn enable_all(
        &self,
        wanted: &[&str],
        needed: &[&Controller],
    ) -> std::result::Result<(), Failure> {
        match (self.write_control(wanted), needed.first()) {
            (Ok(()), _) => return Ok(()),
            // A process has come in just now: none of them can be had.
            (Err(error), None) if error.errno() == Errno::EBUSY => return Ok(()),
            (Err(error), Some(first)) if error.errno() == Errno::EBUSY => {
                return Err(Failure::Final(self.busy(first)));
            }
            (Err(_), _) => {}
        }
        // All or nothing is what one write is, and one that nobody needs may be what is refused.
        for name in wanted {
            let enabled = self.write_control(&[name]);
            if let (Err(error), Some(needed)) =
                (enabled, needed.iter().find(|needed| needed.name == *name))
            {
                let doing = || format!("{}: enabling {name} in {}", needed.field, self.shown());
                return Err(Failure::of(error, doing));
            }
        }
        Ok(())
    }

    fn write_control(&self, names: &[&str]) -> sys::Result<()> {
        let value: Vec<_> = names.iter().map(|name| format!("+{name}")).collect();
        write(self.fd.as_fd(), c"cgroup.subtree_control", &value.join(" "))
    }

    fn busy(&self, needed: &Controller) -> Error {
        let reason = format!(
            "needs the cgroup controller {}, which the kernel hands down from {} only when that \
             has no processes of its own",
            needed.name,
            self.shown(),
        );
        Error::unsupported(&needed.field, reason)
    }

    fn unavailable(&self, needed: &Controller) -> Error {
        let reason = if !self.path.is_empty() {
            format!("which {} was not given", self.shown())
        } else if is_bound_to_v1(needed.name) {
            "which this host has bound to cgroup v1".to_owned()
        } else {
            "which this host does not have".to_owned()
        };
        let reason = format!("needs the cgroup controller {}, {reason}", needed.name);
        Error::unsupported(&needed.field, reason)
    }

    fn read(&self, name: &CStr) -> std::result::Result<String, Failure> {
        let doing = || self.doing(&name.to_string_lossy());
        read(self.fd.as_fd(), name).map_err(|error| Failure::of(error, doing))
    }

    fn doing(&self, file: &str) -> String {
        format!("{file} of {}", self.shown())
    }

    fn shown(&self) -> String {
        if self.path.is_empty() {
            "the root cgroup".to_owned()
        } else {
            format!("cgroup {}", self.path)
        }
    }
}

/// In the words of runc, which its callers know.
fn make_sure_it_is_unused(cgroup: &Cgroup) -> Result<()> {
    let found = match cgroup.processes()?.len() {
        0 => {
            let below = children(cgroup.fd()).doing(|| cgroup.doing("looking for groups in it"))?;
            below.first().map(|child| format!("group {child:?} found"))
        }
        processes => Some(format!("{processes} process(es) found")),
    };
    let message = |found| cgroup.doing(&format!("container's cgroup is not empty: {found}"));
    found.map_or(Ok(()), |found| Err(Error::AlreadyExists(message(found))))
}

/// A process cannot live in a group below a threaded one, nor be killed with it.
fn make_sure_of_the_domain(cgroup: &Cgroup, parent: &str) -> Result<()> {
    let doing = || cgroup.doing("reading cgroup.type");
    if read(cgroup.fd(), c"cgroup.type").doing(doing)?.trim() == "domain" {
        return Ok(());
    }
    let kind = read(cgroup.parent.as_fd(), c"cgroup.type").doing(doing)?;
    Err(threaded(parent, kind.trim()))
}

fn threaded(path: &str, kind: &str) -> Error {
    let state = if kind == "domain invalid" {
        "an invalid state".to_owned()
    } else {
        format!("{kind} mode")
    };
    let reason = format!("cannot enter cgroupv2 with domain controllers -- it is in {state}");
    Error::invalid("linux.cgroupsPath", format!("{path:?}"), reason)
}

/// Whether the kernel has the controller, in a hierarchy of version 1. The columns are name,
/// hierarchy (0 for version 2), number of groups, enabled.
fn is_bound_to_v1(name: &str) -> bool {
    let table = std::fs::read_to_string("/proc/cgroups").unwrap_or_default();
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.any(|row| row.len() == 4 && row[0] == name && row[1] != "0")
}

/// What has been made so far.
#[derive(Debug)]
struct Undo {
    hierarchy: Hierarchy,
    parents: Vec<String>,
    /// The group itself, as long as its number is not known: nothing has been born in it.
    empty: Option<String>,
    leaf: Option<(String, u64)>,
}

impl Undo {
    fn remove_leaf(&mut self) -> Result<()> {
        let Some((path, id)) = self.leaf.take() else { return Ok(()) };
        let Some(cgroup) = self.hierarchy.open_own(&path, id)? else { return Ok(()) };
        cgroup.kill()?;
        cgroup.remove(Instant::now() + UNDO_PATIENCE)
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        // Whoever drops it has an error to return already, and the state names what may be left.
        drop(self.remove_leaf());
        for path in self.parents.drain(..).chain(self.empty.take()).rev() {
            let _ = file::rmdirat(self.hierarchy.root.as_fd(), &relative(&path));
        }
    }
}
