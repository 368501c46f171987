//! Which namespaces are new, which are joined, and how many processes that takes.

use super::ids::{IdMaps, listed};
use super::time;
use crate::error::{Error, Result};
use crate::sys::namespace::CLONE_NEWTIME;
use crate::sys::process::CloneFlags;
use oci_spec::runtime::{Linux, LinuxNamespaceType};
use std::fmt;
use std::path::{Path, PathBuf};

/// The namespaces of a container.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Namespaces {
    pub(crate) shape: Shape,
    /// Made by the clone of init; or after the others are joined, see
    /// [`makes_new_after_joining`](Self::makes_new_after_joining).
    pub(crate) new: CloneFlags,
    /// Joined by the process that is cloned first, in this order.
    pub(crate) join: Vec<Join>,
    /// The PID namespace that is joined: the one namespace that a process cannot enter, only
    /// its children can.
    pub(crate) join_pid: Option<PathBuf>,
    pub(crate) user: User,
    /// Init makes it and enters it: the offsets of its clocks can be written only in between.
    pub(crate) time: Option<Time>,
    /// Joined all at once: those of the process that `Sources` has a pidfd of.
    pub(crate) of_process: CloneFlags,
    /// Left by init itself: a process that is born in a cgroup (`CLONE_INTO_CGROUP`) with
    /// `CLONE_NEWCGROUP` would get a namespace whose root is the cgroup of its parent.
    pub(crate) unshare_cgroup: bool,
}

/// A namespace that is joined.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Join {
    pub(crate) kind: CloneFlags,
    pub(crate) path: PathBuf,
}

/// The user namespace, which owns the others: root in it has capabilities in those that it owns.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// That of this process.
    Host,
    /// A new one.
    New(IdMaps),
    /// One that others have made, which is among those that are joined. Its maps are those that
    /// config.json claims, if it does.
    Joined(Option<IdMaps>),
    /// That of the pod, likewise.
    Pods(IdMaps),
}

impl User {
    /// Whether it is another one than that of this process.
    pub(crate) fn is_own(&self) -> bool {
        *self != Self::Host
    }

    /// Its maps, if they are known before it is looked at.
    pub(crate) fn maps(&self) -> Option<&IdMaps> {
        match self {
            Self::Host => None,
            Self::New(maps) | Self::Pods(maps) => Some(maps),
            Self::Joined(maps) => maps.as_ref(),
        }
    }
}

/// A new time namespace: what is written to `/proc/self/timens_offsets`.
#[derive(PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Vec<u8>);

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// The three ways in which a container's first process comes to be (ARCHITECTURE.md, "How a process
/// comes to be").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One clone, into a new PID namespace or the host's.
    Direct,
    /// A builder outside does all that takes time, then clones the last process into a PID
    /// namespace that others are in: they never see a half-built container.
    Shared,
    /// A stub clones init: inside a PID namespace, into a new one below it; or where the others are
    /// joined before the user namespace that is to own the new ones.
    Nested,
}

/// What a container takes over from the pause process of its pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// The pause process.
    pub(crate) pid: i32,
    /// Whether each container has a PID namespace of its own, below that of pause.
    pub(crate) nested: bool,
    /// The maps of its user namespace, if it has one.
    pub(crate) maps: Option<IdMaps>,
}

impl Sharing {
    /// The path of one of the pod's namespaces.
    fn namespace(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.pid.to_string()).join("ns").join(name)
    }

    /// The pod's `/dev/shm`, which is in the mount namespace of pause.
    pub(crate) fn shm(&self) -> PathBuf {
        Path::new("/proc").join(self.pid.to_string()).join("root/dev/shm")
    }
}

const UID_MAPPINGS: &str = "linux.uidMappings";
const GID_MAPPINGS: &str = "linux.gidMappings";

const SHARED_BY_A_POD: [(CloneFlags, &str); 3] = [
    (CloneFlags::CLONE_NEWIPC, "ipc"),
    (CloneFlags::CLONE_NEWUTS, "uts"),
    (CloneFlags::CLONE_NEWNET, "net"),
];

impl Namespaces {
    /// Nothing new and nothing joined.
    pub(crate) fn none() -> Self {
        Self {
            shape: Shape::Direct,
            new: CloneFlags::empty(),
            join: Vec::new(),
            join_pid: None,
            user: User::Host,
            time: None,
            of_process: CloneFlags::empty(),
            unshare_cgroup: false,
        }
    }

    /// What `linux.namespaces` asks for, with those of `sandbox` in place of its own.
    pub(crate) fn build(linux: &Linux, sandbox: Option<&Sharing>) -> Result<Self> {
        let mut plan = Self::none();
        let offsets = time::offsets(linux)?;
        for namespace in linux.namespaces().iter().flatten() {
            let kind = clone_flag(namespace.typ());
            match namespace.path() {
                Some(path) => plan.join(kind, path.clone()),
                None if kind == CLONE_NEWTIME => plan.time = Some(Time(offsets.clone())),
                None => plan.make(kind),
            }
        }
        plan.set_user(maps(linux)?)?;
        if let Some(sandbox) = sandbox {
            plan.move_into(sandbox)?;
        }
        if plan.shape == Shape::Direct && plan.makes_new_after_joining() {
            plan.shape = Shape::Nested;
        }
        if plan.shape == Shape::Shared && matches!(plan.user, User::New(_)) {
            let reason = "a new user namespace would not own the PID namespace that is joined, \
                          and could not mount its procfs";
            return Err(Error::unsupported("linux.namespaces[user]", reason));
        }
        Ok(plan)
    }

    /// config-linux.md, "User namespace mappings".
    fn set_user(&mut self, maps: Option<IdMaps>) -> Result<()> {
        self.user = if self.joins(CloneFlags::CLONE_NEWUSER) {
            User::Joined(maps)
        } else if self.new.contains(CloneFlags::CLONE_NEWUSER) {
            let reason = "needed: a user namespace without them has no ids";
            let missing = || Error::invalid(UID_MAPPINGS, "missing", reason);
            User::New(maps.ok_or_else(missing)?)
        } else if let Some(maps) = maps {
            let reason = "needs a user namespace in linux.namespaces";
            return Err(Error::invalid(UID_MAPPINGS, listed(&maps.uids), reason));
        } else {
            User::Host
        };
        Ok(())
    }

    /// Whether the new namespaces are made only after others are joined, which takes the host's
    /// privileges where it is not the new user namespace that owns them; those that are new must be
    /// owned by the user namespace that is joined.
    pub(crate) fn makes_new_after_joining(&self) -> bool {
        match self.user {
            User::Host => false,
            User::New(_) => !self.join.is_empty(),
            User::Joined(_) | User::Pods(_) => true,
        }
    }

    fn make(&mut self, kind: CloneFlags) {
        if kind == CloneFlags::CLONE_NEWCGROUP {
            self.unshare_cgroup = true;
        } else {
            self.new |= kind;
        }
    }

    fn join(&mut self, kind: CloneFlags, path: PathBuf) {
        if kind == CloneFlags::CLONE_NEWPID {
            self.shape = Shape::Shared;
            self.join_pid = Some(path);
            return;
        }
        let join = Join { kind, path };
        // The user namespace comes last, since the host's privileges end there, and before it the
        // mount namespace, since the others' paths are the host's.
        let rank = |kind| match kind {
            CloneFlags::CLONE_NEWUSER => 2,
            CloneFlags::CLONE_NEWNS => 1,
            _ => 0,
        };
        let at = self.join.iter().position(|other| rank(other.kind) >= rank(kind));
        self.join.insert(at.unwrap_or(self.join.len()), join);
    }

    fn move_into(&mut self, sandbox: &Sharing) -> Result<()> {
        self.move_into_user(sandbox)?;
        for (kind, name) in SHARED_BY_A_POD {
            self.new -= kind;
            self.join.retain(|join| join.kind != kind);
            self.join(kind, sandbox.namespace(name));
        }
        self.new -= CloneFlags::CLONE_NEWPID;
        self.join(CloneFlags::CLONE_NEWPID, sandbox.namespace("pid"));
        if sandbox.nested {
            self.new |= CloneFlags::CLONE_NEWPID;
            self.shape = Shape::Nested;
        }
        Ok(())
    }

    /// The user namespace of a pod owns its other ones: no container of it can have another.
    fn move_into_user(&mut self, sandbox: &Sharing) -> Result<()> {
        let field = "linux.namespaces[user]";
        let path = sandbox.namespace("user");
        let has_another = self
            .join
            .iter()
            .find(|join| join.kind == CloneFlags::CLONE_NEWUSER && join.path != path);
        if let Some(join) = has_another {
            let reason = format!("a container of a pod is in that of the pod, {}", path.display());
            return Err(Error::invalid(field, join.path.display(), reason));
        }
        let Some(maps) = &sandbox.maps else {
            if !self.user.is_own() {
                return Ok(());
            }
            let reason = "the sandbox has none: it is made with sandbox create --uid-map --gid-map";
            return Err(Error::invalid(field, "asked for", reason));
        };
        if let Some(own) = self.user.maps() {
            let lists =
                [(UID_MAPPINGS, &own.uids, &maps.uids), (GID_MAPPINGS, &own.gids, &maps.gids)];
            if let Some((field, own, pods)) = lists.into_iter().find(|(_, own, pods)| own != pods) {
                let reason = format!("that of the sandbox is {}", listed(pods));
                return Err(Error::invalid(field, listed(own), reason));
            }
        }
        self.new -= CloneFlags::CLONE_NEWUSER;
        self.join.retain(|join| join.kind != CloneFlags::CLONE_NEWUSER);
        self.join(CloneFlags::CLONE_NEWUSER, path);
        self.user = User::Pods(maps.clone());
        Ok(())
    }

    /// Whether the container has a mount namespace of its own.
    pub(crate) fn has_new_mounts(&self) -> bool {
        self.new.contains(CloneFlags::CLONE_NEWNS)
    }

    /// Whether the container lives in a mount namespace that others made.
    pub(crate) fn joins_mounts(&self) -> bool {
        self.joins(CloneFlags::CLONE_NEWNS)
    }

    fn joins(&self, kind: CloneFlags) -> bool {
        self.join.iter().any(|join| join.kind == kind)
    }
}

/// `linux.uidMappings` and `linux.gidMappings`.
fn maps(linux: &Linux) -> Result<Option<IdMaps>> {
    let (uids, gids) = (linux.uid_mappings().as_deref(), linux.gid_mappings().as_deref());
    IdMaps::of(uids, gids, [UID_MAPPINGS, GID_MAPPINGS])
}

fn clone_flag(kind: LinuxNamespaceType) -> CloneFlags {
    match kind {
        LinuxNamespaceType::Mount => CloneFlags::CLONE_NEWNS,
        LinuxNamespaceType::Cgroup => CloneFlags::CLONE_NEWCGROUP,
        LinuxNamespaceType::Uts => CloneFlags::CLONE_NEWUTS,
        LinuxNamespaceType::Ipc => CloneFlags::CLONE_NEWIPC,
        LinuxNamespaceType::User => CloneFlags::CLONE_NEWUSER,
        LinuxNamespaceType::Pid => CloneFlags::CLONE_NEWPID,
        LinuxNamespaceType::Network => CloneFlags::CLONE_NEWNET,
        LinuxNamespaceType::Time => CLONE_NEWTIME,
    }
}

#[cfg(test)]
mod tests;
