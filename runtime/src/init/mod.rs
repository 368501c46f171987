//! The child: from clone to exec, step by step.
//!
//! What runs here is a copy of the runtime that becomes the container's program. It walks the plan
//! with plain system calls: it decides nothing, and it allocates nothing, so that no lock and no
//! failed allocation can stop it half way. The order of the steps is the order of [`JOIN`],
//! [`FURNISH`], [`ENTER`] and [`FINISH`]; ARCHITECTURE.md gives the reason of each edge.

mod added;
mod copy;
mod cwd;
mod filter;
mod gate;
mod home;
mod hooks;
mod identity;
mod labels;
mod listening;
mod mounts;
mod namespaces;
mod place;
mod procfs;
mod protect;
mod root;
mod schedule;
mod sources;
mod terminal;
mod user;

use crate::link::{Failure, Step, ToInit, ToParent};
use crate::plan::{Plan, Shape};
use crate::sys::file::Kept;
use crate::sys::process::{Birth, CloneFlags, Cloned, clone3, exit_now};
use crate::sys::{Error, Result, environment, namespace, process};
use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

pub(crate) use added::{attach, detach, prepare};
pub(crate) use hooks::HookStates;
pub(crate) use sources::Sources;
pub(crate) use user::{with_maps, write_maps};

/// What a step works with.
pub(crate) struct Init<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) sources: &'a Sources,
    /// This process's end of the link to its creator.
    pub(crate) link: &'a OwnedFd,
    /// Where `start` will connect; `None` executes the program as soon as the container is created.
    pub(crate) gate: Option<&'a OwnedFd>,
    step: Cell<Step>,
    item: Cell<u16>,
    /// Which of the places where the program may be has it.
    executable: Cell<usize>,
}

type Run = fn(&Init<'_>) -> Result<()>;

/// What the process does that was cloned first, as long as it has the host's privileges.
const JOIN: [(Step, Run); 1] = [(Step::Namespaces, namespaces::join)];

/// What is done outside a PID namespace that others are in: what takes time. For a process that is
/// added to a container the plan has nothing for most of these.
const FURNISH: [(Step, Run); 10] = [
    (Step::Time, namespaces::time),
    (Step::Isolation, namespaces::isolate),
    (Step::Root, root::attach),
    (Step::Ids, identity::become_root),
    (Step::Keyring, namespaces::keyring),
    (Step::Loopback, namespaces::loopback),
    (Step::NetDevices, namespaces::devices),
    (Step::Names, namespaces::names),
    (Step::Mounts, mounts::make),
    (Step::Devices, root::devices),
];

/// Likewise, unless there are hooks: those are told which process it is that the container will
/// have, so it must be that one then.
const ENTER: [(Step, Run); 10] = [
    (Step::Hooks, hooks::of_the_parent),
    (Step::CreateContainer, hooks::create_container),
    (Step::Pivot, root::enter),
    (Step::Terminal, terminal::open),
    (Step::Home, home::find),
    (Step::Sysctls, procfs::sysctls),
    (Step::Labels, labels::ask),
    (Step::ReadonlyPaths, protect::readonly),
    (Step::MaskedPaths, protect::masked),
    (Step::Propagation, root::propagate),
];

/// What the process does that becomes the program.
const FINISH: [(Step, Run); 14] = [
    (Step::Listening, listening::tell_pid),
    (Step::MemoryPolicy, schedule::memory_policy),
    (Step::Personality, schedule::personality),
    (Step::Session, identity::session),
    (Step::Cwd, cwd::enter_as_root),
    (Step::Seccomp, filter::load_privileged),
    (Step::Identity, identity::become_user),
    (Step::Cwd, cwd::enter_as_user),
    (Step::Executable, identity::find_executable),
    (Step::Seccomp, filter::load_before_ready),
    (Step::Gate, gate::wait),
    (Step::StartContainer, hooks::start_container),
    (Step::Limits, identity::limits),
    (Step::Seccomp, filter::load_last),
];

impl<'a> Init<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        sources: &'a Sources,
        link: &'a OwnedFd,
        gate: Option<&'a OwnedFd>,
    ) -> Self {
        Self {
            plan,
            sources,
            link,
            gate,
            step: Cell::new(Step::Clone),
            item: Cell::new(0),
            executable: Cell::new(0),
        }
    }

    /// Does everything, up to and including exec; this process never returns to its caller.
    ///
    /// First it lets go of what it has from its parent but does not need: how that handles signals,
    /// its environment, in which a caller may have secrets, and descriptors, above all those of
    /// locks. All of that would be there as long as this one lives.
    pub(crate) fn run(&self, keep: &mut Kept) -> ! {
        environment::wipe();
        let ready =
            process::reset_signals().and_then(|()| keep.close_others(gate::first_to_close(self)));
        let error = match ready.and_then(|()| self.become_the_program()) {
            Ok(never) => match never {},
            Err(error) => error,
        };
        self.fail(error, self.link.as_fd())
    }

    /// Ends, and tells whoever is at the other end of `to` why.
    fn fail(&self, error: Error, to: BorrowedFd<'_>) -> ! {
        let failure = Failure { step: self.step.get(), item: self.item.get(), error };
        // The parent may be gone; then nobody is left to tell.
        let _ = ToParent::Failed(failure).send(to);
        exit_now(1)
    }

    fn become_the_program(&self) -> Result<std::convert::Infallible> {
        let namespaces = &self.plan.namespaces;
        self.walk(&JOIN)?;
        self.step.set(Step::Clone);
        match namespaces.shape {
            Shape::Direct => {}
            // This is the stub, born in the PID namespace of pause. A process may only make a
            // PID namespace below the one that it is in: setns and CLONE_NEWPID in one
            // process is EINVAL.
            Shape::Nested => self.clone_sibling(namespaces.new)?,
            Shape::Shared => {
                if namespaces.makes_new_after_joining() {
                    namespace::unshare(namespaces.new)?;
                }
                return self.become_the_program_among_others();
            }
        }
        self.walk(&FURNISH)?;
        self.walk(&ENTER)?;
        self.finish()
    }

    fn become_the_program_among_others(&self) -> Result<std::convert::Infallible> {
        self.walk(&FURNISH)?;
        if self.plan.hooks.run_before_pivot() {
            self.enter_pid_namespace()?;
            self.clone_sibling(CloneFlags::empty())?;
            self.walk(&ENTER)?;
        } else {
            self.walk(&ENTER)?;
            self.enter_pid_namespace()?;
            // What the process need not have that others see is let go before.
            gate::close_all_but_links(self)?;
            self.clone_sibling(CloneFlags::empty())?;
        }
        self.finish()
    }

    fn finish(&self) -> Result<std::convert::Infallible> {
        self.walk(&FINISH)?;
        self.step.set(Step::Exec);
        Err(identity::exec(self))
    }

    fn walk(&self, steps: &[(Step, Run)]) -> Result<()> {
        for (step, run) in steps {
            self.step.set(*step);
            self.item.set(0);
            run(self)?;
        }
        Ok(())
    }

    /// Calls `act` on each item of the plan, and remembers which one it was on.
    fn each<'t, T>(
        &self,
        items: &'t [T],
        mut act: impl FnMut(usize, &'t T) -> Result<()>,
    ) -> Result<()> {
        for (number, item) in items.iter().enumerate() {
            self.item.set(u16::try_from(number).unwrap_or(u16::MAX));
            act(number, item)?;
        }
        Ok(())
    }

    /// From here on children are born in the PID namespace of the pod.
    fn enter_pid_namespace(&self) -> Result<()> {
        self.step.set(Step::Clone);
        // One that belongs to a process was joined with its others.
        if self.plan.namespaces.join_pid.is_some() {
            namespace::setns(self.sources.pid_namespace()?, CloneFlags::CLONE_NEWPID)?;
        }
        Ok(())
    }

    /// Waits until the parent has done what it was asked for. Without a parent there is nothing to
    /// go on for.
    fn wait_for_parent(&self) -> Result<()> {
        if ToInit::receive(self.link.as_fd())? != Some(ToInit::Continue) {
            exit_now(1);
        }
        Ok(())
    }

    /// Whether the PID namespace is one that others are in, which this process itself is
    /// still outside of.
    fn joins_pid_namespace(&self) -> bool {
        self.plan.namespaces.shape == Shape::Shared
    }

    fn root(&self) -> BorrowedFd<'_> {
        self.sources.root.as_fd()
    }

    /// Goes on as a new process, a child of this one's parent, and ends this one.
    fn clone_sibling(&self, new: CloneFlags) -> Result<()> {
        let birth = Birth { flags: new | CloneFlags::CLONE_PARENT, cgroup: None };
        let Cloned::Parent(sibling) = clone3(birth)? else { return Ok(()) };
        // If it cannot be told now, the new process will tell of itself.
        let _ = ToParent::Sibling(sibling.pidfd).send(self.link.as_fd());
        exit_now(0)
    }
}
