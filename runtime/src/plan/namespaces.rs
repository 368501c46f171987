//! Which namespaces are new, which are joined, and how many processes that takes.

use crate::error::{Error, Result};
use crate::sys::process::CloneFlags;
use oci_spec::runtime::{Linux, LinuxNamespaceType};
use std::path::{Path, PathBuf};

/// The namespaces of a container.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Namespaces {
    pub(crate) shape: Shape,
    /// Made by the clone of init.
    pub(crate) new: CloneFlags,
    /// Joined by init, in this order.
    pub(crate) join: Vec<Join>,
    /// The PID namespace that is joined: the one namespace that a process cannot enter, only
    /// its children can.
    pub(crate) join_pid: Option<PathBuf>,
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

/// The three ways in which a container's first process comes to be (ARCHITECTURE.md, "How a process
/// comes to be").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One clone, into a new PID namespace or the host's.
    Direct,
    /// A builder outside does all that takes time, then clones the last process into a PID
    /// namespace that others are in: they never see a half-built container.
    Shared,
    /// A stub inside a PID namespace clones init into a new one below it.
    Nested,
}

/// What a container takes over from the pause process of its pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// The pause process.
    pub(crate) pid: i32,
    /// Whether each container has a PID namespace of its own, below that of pause.
    pub(crate) nested: bool,
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
            of_process: CloneFlags::empty(),
            unshare_cgroup: false,
        }
    }

    /// What `linux.namespaces` asks for, with those of `sandbox` in place of its own.
    pub(crate) fn build(linux: &Linux, sandbox: Option<&Sharing>) -> Result<Self> {
        let mut plan = Self::none();
        for namespace in linux.namespaces().iter().flatten() {
            let kind = clone_flag(namespace.typ())?;
            match namespace.path() {
                Some(path) => plan.join(kind, path.clone()),
                None => plan.make(kind),
            }
        }
        if let Some(sandbox) = sandbox {
            plan.move_into(sandbox);
        }
        Ok(plan)
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
        // The mount namespace comes last: the others' paths are the host's.
        if kind == CloneFlags::CLONE_NEWNS {
            self.join.push(join);
        } else {
            self.join.insert(0, join);
        }
    }

    fn move_into(&mut self, sandbox: &Sharing) {
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
    }

    /// Whether the container has a mount namespace of its own.
    pub(crate) fn has_new_mounts(&self) -> bool {
        self.new.contains(CloneFlags::CLONE_NEWNS)
    }

    /// Whether the container lives in a mount namespace that others made.
    pub(crate) fn joins_mounts(&self) -> bool {
        self.join.iter().any(|join| join.kind == CloneFlags::CLONE_NEWNS)
    }
}

fn clone_flag(kind: LinuxNamespaceType) -> Result<CloneFlags> {
    Ok(match kind {
        LinuxNamespaceType::Mount => CloneFlags::CLONE_NEWNS,
        LinuxNamespaceType::Cgroup => CloneFlags::CLONE_NEWCGROUP,
        LinuxNamespaceType::Uts => CloneFlags::CLONE_NEWUTS,
        LinuxNamespaceType::Ipc => CloneFlags::CLONE_NEWIPC,
        LinuxNamespaceType::Pid => CloneFlags::CLONE_NEWPID,
        LinuxNamespaceType::Network => CloneFlags::CLONE_NEWNET,
        LinuxNamespaceType::User | LinuxNamespaceType::Time => {
            let field = format!("linux.namespaces: {kind}");
            return Err(Error::unsupported(field, "not supported by this version of peapod"));
        }
    })
}
