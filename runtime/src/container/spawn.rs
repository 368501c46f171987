//! The clone, and the parent's side of the link.

use super::agent::Agent;
use super::explain::explain;
use super::hooks::{self, OfCreate};
use super::interrupt::Interrupt;
use super::netdevices;
use crate::error::{Doing, Error, Result};
use crate::init::{Init, Sources, write_maps};
use crate::link::{Failure, HookFailure, ToInit, ToParent};
use crate::plan::{Plan, Shape, User};
use crate::sys::file::{self, Kept, OFlag};
use crate::sys::process::{self, Birth, Child, CloneFlags, Cloned, clone3};
use crate::sys::{self, Errno, identity, namespace, poll, socket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long a program that tells when it runs may take from its execution to that.
const READY_PATIENCE: Duration = Duration::from_secs(5);

/// A process on its way to be the container's. Dropped, and not [kept](Self::keep), it is killed
/// and reaped.
#[derive(Debug)]
#[must_use]
pub(super) struct Spawned {
    /// Closed last: a process that is not known even then ends at the end of file.
    link: Option<OwnedFd>,
    /// What is to be reaped: the process that was cloned, which is init itself, or the builder or
    /// stub that makes it.
    children: Vec<Child>,
    /// The process that the builder or stub has made, as long as nothing has come from it.
    sibling: Option<OwnedFd>,
    /// The other end of the program's terminal.
    terminal: Option<OwnedFd>,
    /// Whoever is notified by its seccomp filter.
    agent: Option<Agent>,
}

/// Clones the first process of the container into its cgroup, and leaves the plan to it.
pub(super) fn spawn(
    plan: &Plan,
    sources: &Sources,
    cgroup: BorrowedFd<'_>,
    gate: Option<&OwnedFd>,
) -> Result<Spawned> {
    let (ours, theirs) = link().doing(|| "the link to init".to_owned())?;
    let links = [&theirs].into_iter().chain(gate).map(AsFd::as_fd);
    let mut keep = Kept::new(sources.descriptors().chain(links));
    let cloned = clone(plan, sources, cgroup).doing(|| "cloning the first process".to_owned())?;
    match cloned {
        Cloned::Parent(first) => {
            let children = vec![first];
            Ok(Spawned { link: Some(ours), children, sibling: None, terminal: None, agent: None })
        }
        Cloned::Child => Init::new(plan, sources, &theirs, gate).run(&mut keep),
    }
}

fn link() -> sys::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = socket::pair()?;
    socket::pass_credentials(ours.as_fd())?;
    Ok((ours, file::lift(theirs)?))
}

fn clone(plan: &Plan, sources: &Sources, cgroup: BorrowedFd<'_>) -> sys::Result<Cloned> {
    // Before the first namespace is joined: from then on others may look at this process
    // (CVE-2016-9962).
    identity::set_not_dumpable()?;
    let birth = |flags| Birth { flags, cgroup: Some(cgroup) };
    let namespaces = &plan.namespaces;
    let none = CloneFlags::empty();
    match namespaces.shape {
        Shape::Shared if namespaces.makes_new_after_joining() => return clone3(birth(none)),
        Shape::Nested if namespaces.join_pid.is_none() => return clone3(birth(none)),
        Shape::Direct | Shape::Shared => return clone3(birth(namespaces.new)),
        Shape::Nested => {}
    }
    // The stub is born in the PID namespace of pause; this process only lends it the way there.
    let home = file::open(c"/proc/self/ns/pid", OFlag::O_RDONLY)?;
    namespace::setns(sources.pid_namespace()?, CloneFlags::CLONE_NEWPID)?;
    let cloned = clone3(birth(none));
    // After an error too: what runs then, hooks among others, is none of the pod's.
    if !matches!(cloned, Ok(Cloned::Child)) {
        namespace::setns(home.as_fd(), CloneFlags::CLONE_NEWPID)?;
    }
    cloned
}

/// Gives the new user namespace of `pid` its ids.
fn map_ids(plan: &Plan, pid: i32) -> Result<()> {
    let User::New(maps) = &plan.namespaces.user else { return Ok(()) };
    write_maps(maps, pid).doing(|| "linux.uidMappings and linux.gidMappings".to_owned())
}

impl Spawned {
    /// Has the agent told as soon as there is a filter that notifies it.
    pub(super) fn with_agent(mut self, agent: Option<Agent>) -> Self {
        self.agent = agent;
        self
    }

    /// Waits until init has done all but what `start` asks for, and does meanwhile what it asks for
    /// itself; answers with its pid.
    pub(super) fn wait_until_ready(
        &mut self,
        plan: &Plan,
        hooks: Option<OfCreate<'_>>,
        interrupt: &Interrupt,
    ) -> Result<i32> {
        loop {
            match self.next(interrupt)? {
                Some((ToParent::MapIds, pid)) => {
                    self.adopt(pid)?;
                    map_ids(plan, pid)?;
                    self.go_on()?;
                }
                Some((ToParent::Terminal(number), pid)) => {
                    self.terminal = Some(self.take(pid, number)?);
                    self.go_on()?;
                }
                Some((ToParent::NetDevices, pid)) => {
                    self.adopt(pid)?;
                    netdevices::move_all(plan, pid)?;
                    self.go_on()?;
                }
                Some((ToParent::Hooks, pid)) => {
                    self.adopt(pid)?;
                    hooks.map_or(Ok(()), |hooks| hooks.run(pid, interrupt))?;
                    self.go_on()?;
                }
                Some((ToParent::Sibling(pidfd), maker)) => {
                    // It may have been heard of already, from itself.
                    self.sibling = self.knows(maker).then_some(pidfd);
                }
                Some((ToParent::Ready, pid)) => {
                    self.adopt(pid)?;
                    return Ok(pid);
                }
                Some((ToParent::Listener(number), pid)) => {
                    // It may wait for the agent from now on, and hear nothing: killed, if need be.
                    self.adopt(pid)?;
                    let notifications = self.take(pid, number)?;
                    let agent = self.agent.take().ok_or_else(Agent::missing)?;
                    agent.hand_over(pid, notifications.as_fd())?;
                    self.go_on()?;
                }
                Some((ToParent::Failed(failure), pid)) => {
                    // To be reaped: PID 1 of a container cannot end before all others are.
                    let _adopted = self.adopt(pid);
                    return Err(explain(plan, &failure));
                }
                Some((ToParent::HookFailed(failure), pid)) => {
                    let _adopted = self.adopt(pid);
                    return Err(hooks::explain(Some(&plan.hooks), &failure));
                }
                None => return Err(Error::init_ended(&self.how_it_ended()?)),
            }
        }
    }

    fn go_on(&mut self) -> Result<()> {
        self.tell(ToInit::Continue)
    }

    fn tell(&mut self, packet: ToInit) -> Result<()> {
        match packet.send(self.link()?) {
            // Somebody has killed it meanwhile.
            Err(error) if error.errno() == Errno::EPIPE => {
                Err(Error::init_ended(&self.how_it_ended()?))
            }
            sent => sent.doing(|| "the link to init".to_owned()),
        }
    }

    fn next(&self, interrupt: &Interrupt) -> Result<Option<(ToParent, i32)>> {
        let doing = || "the link to init".to_owned();
        let link = self.link()?;
        let ready = poll::readable(&[link, interrupt.as_fd()], None).doing(doing)?;
        if ready[1] {
            return Err(Interrupt::error());
        }
        match ToParent::receive(link) {
            // Ended with an answer of ours unread.
            Err(error) if error.errno() == Errno::ECONNRESET => Ok(None),
            received => received.doing(doing),
        }
    }

    /// A copy of a descriptor of the process `pid`, which is on its way to be the container's.
    fn take(&self, pid: i32, number: i32) -> Result<OwnedFd> {
        let doing = || format!("descriptor {number} of init {pid}");
        if let Some(child) = self.children.iter().find(|child| child.pid == pid) {
            return process::pidfd_getfd(child.as_fd(), number).doing(doing);
        }
        // It waits for an answer, so it is there.
        let pidfd = process::pidfd_open(pid).doing(doing)?;
        process::pidfd_getfd(pidfd.as_fd(), number).doing(doing)
    }

    /// What the program's terminal is used by, once.
    pub(super) fn take_terminal(&mut self) -> Option<OwnedFd> {
        self.terminal.take()
    }

    /// Init is a child of this process too, by `CLONE_PARENT`; what made it has ended
    /// or is about to.
    fn adopt(&mut self, pid: i32) -> Result<()> {
        if self.knows(pid) {
            return Ok(());
        }
        let doing = || format!("init {pid}");
        let pidfd = match self.sibling.take() {
            Some(sibling) => sibling,
            None => process::pidfd_open(pid).doing(doing)?,
        };
        self.children.push(Child { pid, pidfd });
        let maker = self.children.swap_remove(0);
        process::wait(maker.as_fd()).doing(doing).map(drop)
    }

    /// Tells init that the container exists: it may go on when this process is gone.
    pub(super) fn release(&mut self) -> Result<()> {
        // A link that is closed with a packet unread resets the connection: init would not hear
        // what it is told here. What made it has ended, and says nothing any more.
        self.hear_of_the_sibling();
        self.tell(ToInit::Created)
    }

    /// For a process without a gate: waits until the program is executed.
    pub(super) fn wait_for_exec(&self, plan: &Plan) -> Result<()> {
        match last_word(self.link()?, "the link to init")? {
            LastWord::Failed(failure) => Err(explain(plan, &failure)),
            LastWord::HookFailed(failure) => Err(hooks::explain(Some(&plan.hooks), &failure)),
            LastWord::Executed => Ok(()),
        }
    }

    /// For a container without a gate: waits until the program is executed, and until it
    /// says that it runs.
    pub(super) fn wait_for_program(&self, plan: &Plan, ready: &OwnedFd) -> Result<()> {
        let doing = || "the link to init".to_owned();
        self.wait_for_exec(plan)?;
        let deadline = Instant::now() + READY_PATIENCE;
        if !poll::readable(&[ready.as_fd()], Some(deadline)).doing(doing)?[0] {
            return Err(Error::Timeout(format!("no sign of life within {READY_PATIENCE:?}")));
        }
        match socket::recv(ready.as_fd(), &mut [0]).doing(doing)? {
            0 => Err(Error::init_ended("the program ended at once")),
            _ => Ok(()),
        }
    }

    /// Lets the process live without this one.
    pub(super) fn keep(mut self) -> Result<Child> {
        self.children.pop().ok_or_else(|| Error::init_ended("unseen"))
    }

    fn link(&self) -> Result<BorrowedFd<'_>> {
        let closed = || Error::init_ended("the link was closed");
        self.link.as_ref().map(AsFd::as_fd).ok_or_else(closed)
    }

    /// Whatever has been said and not heard yet may be about one more process to end.
    fn hear_of_the_sibling(&mut self) {
        let Some(link) = self.link.as_ref().map(AsFd::as_fd) else { return };
        let has_more = || poll::readable(&[link], Some(Instant::now())).is_ok_and(|ready| ready[0]);
        while has_more() {
            match ToParent::receive(link) {
                Ok(Some((ToParent::Sibling(pidfd), maker))) if self.knows(maker) => {
                    self.sibling = Some(pidfd);
                    return;
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn knows(&self, pid: i32) -> bool {
        self.children.iter().any(|child| child.pid == pid)
    }

    fn how_it_ended(&mut self) -> Result<String> {
        let child = || self.children.pop().map(|child| child.pidfd);
        let Some(pidfd) = self.sibling.take().or_else(child) else {
            return Ok("unseen".to_owned());
        };
        let status = process::wait(pidfd.as_fd()).doing(|| "init".to_owned())?;
        Ok(process::describe(status))
    }
}

/// What came of a process that was told to execute its program.
#[derive(Debug)]
pub(super) enum LastWord {
    Executed,
    Failed(Failure),
    HookFailed(Box<HookFailure>),
}

/// Waits until a process that was told to execute its program has done so: its end of `link` is
/// closed by that.
pub(super) fn last_word(link: BorrowedFd<'_>, name: &str) -> Result<LastWord> {
    loop {
        match ToParent::receive(link) {
            Ok(Some((ToParent::Failed(failure), _))) => return Ok(LastWord::Failed(failure)),
            Ok(Some((ToParent::HookFailed(failure), _))) => {
                return Ok(LastWord::HookFailed(Box::new(failure)));
            }
            Ok(None) => return Ok(LastWord::Executed),
            // It has not even read what it was told.
            Err(error) if error.errno() == Errno::ECONNRESET => {
                return Err(Error::init_ended("it has not answered"));
            }
            Err(error) => return Err(error).doing(|| name.to_owned()),
            // Said before it was told.
            Ok(Some((
                ToParent::MapIds
                | ToParent::Terminal(_)
                | ToParent::Listener(_)
                | ToParent::NetDevices
                | ToParent::Hooks
                | ToParent::Sibling(_)
                | ToParent::Ready,
                _,
            ))) => {}
        }
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        if self.children.is_empty() {
            return;
        }
        self.children.iter().for_each(|child| end(child.as_fd()));
        self.hear_of_the_sibling();
        self.sibling.iter().for_each(|sibling| end(sibling.as_fd()));
    }
}

fn end(child: BorrowedFd<'_>) {
    // It may have ended already.
    let _ = process::pidfd_send_signal(child, process::SIGKILL);
    let _ = process::wait(child);
}
