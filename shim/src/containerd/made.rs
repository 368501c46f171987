//! What creators do for the Task service, and what comes of it.

use super::checkpoint::Criu;
use super::jobs::{self, Addition, Creation};
use super::memory::Memory;
use super::sandbox::Step;
use super::serve::Shim;
use super::task::{Answer, Freezer, Reply, Task};
use crate::creator::{Creator, Made, Needs, Outcome};
use crate::event_loop::{Key, Source};
use crate::logs::{Opened, Stdio};
use crate::proto::Empty;
use crate::proto::events::{
    TaskCreate, TaskExecStarted, TaskIo, TaskPaused, TaskResumed, TaskStart,
};
use crate::proto::task::{
    CreateTaskRequest, CreateTaskResponse, PauseRequest, ResumeRequest, StartRequest,
    StartResponse, UpdateTaskRequest,
};
use crate::reaper::{Caller, Phase, Process, Stragglers};
use crate::ttrpc::{Code, Status};
use peapod::container;
use peapod::sys::epoll::Interest;
use prost::Message;
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// What a creator is for, and what is needed when it has ended.
#[derive(Debug)]
pub(super) enum Purpose {
    Create { process: Key, caller: Caller, opened: Opened, event: TaskCreate },
    Start { process: Key, caller: Caller },
    Exec { process: Key, caller: Caller, opened: Opened },
    Delete { process: Key },
    Freeze { id: String, caller: Caller },
    Thaw { id: String, caller: Caller },
    Update { caller: Caller },
    Sandbox { step: Step, caller: Caller },
    Mount { process: Key, caller: Caller, event: TaskCreate },
    Restore { process: Key, caller: Caller, opened: Opened },
    Checkpoint { id: String, caller: Caller },
}

impl Shim {
    pub(super) fn create(&mut self, caller: Caller, request: CreateTaskRequest) -> Answer {
        let CreateTaskRequest { id, rootfs: mounts, terminal, stdin, stdout, stderr, .. } = request;
        if self.tasks.contains_key(&id) {
            return Err(Status::new(Code::AlreadyExists, format!("task {id}")));
        }
        let settings = super::settings::Settings::of(request.options.as_ref(), &self.namespace)?;
        let bundle = PathBuf::from(&request.bundle);
        super::delete::note_root(&bundle, &settings.root)?;
        let stdio = Stdio { stdin, stdout, stderr, terminal };
        // What is restored is made when it is started.
        let is_restored = !request.checkpoint.is_empty();
        let stdio_of_now = if is_restored { &Stdio::default() } else { &stdio };
        let mut opened = stdio_of_now.open(settings.owner)?;
        let creator = if is_restored {
            let mount = || jobs::mount(&bundle, &mounts);
            Creator::begin(&Needs::default(), mount, || {})?
        } else {
            let creation = Creation {
                id: &id,
                namespace: &self.namespace,
                bundle: &bundle,
                mounts: &mounts,
                settings: &settings,
                opened: &opened,
                pod: self.mounts_of_pod(),
            };
            Creator::begin(&opened.needs(), || creation.run(), || creation.undo())?
        };
        opened.close_theirs();
        let process = self.events.key();
        self.processes.insert(process, Process::new(&id, "", stdio.clone(), Phase::Creating));
        self.graves.open(&id, "");
        let event = TaskCreate {
            container_id: id.clone(),
            bundle: request.bundle,
            rootfs: mounts,
            io: Some(io(&stdio)),
            checkpoint: request.checkpoint.clone(),
            pid: 0,
        };
        let task = Task {
            bundle,
            root: settings.root,
            first: process,
            execs: BTreeMap::new(),
            freezer: Freezer::Off,
            memory: Memory::default(),
            owner: settings.owner,
            criu: Criu::new(settings.images, settings.work, &request.checkpoint),
        };
        self.tasks.insert(id, task);
        // A shim that was about to end has something to do again.
        self.is_ending = false;
        let purpose = if is_restored {
            Purpose::Mount { process, caller, event }
        } else {
            Purpose::Create { process, caller, opened, event }
        };
        self.watch(creator, purpose)
    }

    pub(super) fn start(&mut self, caller: Caller, request: &StartRequest) -> Answer {
        let key = self.key_of(&request.id, &request.exec_id)?;
        let task = self.task(&request.id)?;
        let process = self.process(key)?;
        let refused = |reason: &str| {
            let message =
                format!("cannot start {reason}: {:?} of task {}", process.name, request.id);
            Err(Status::new(Code::FailedPrecondition, message))
        };
        if process.has_ended() {
            return refused("a process that has ended");
        }
        match process.phase {
            Phase::Added | Phase::Created => {}
            Phase::Creating => return refused("a process that is being created"),
            Phase::Starting | Phase::Running => return refused("a running process"),
        }
        if process.is_first() && task.criu.is_restored() {
            return self.restore(caller, key);
        }
        if process.is_first() {
            let (root, id) = (&task.root, &request.id);
            let job = || jobs::act(root, |root| container::start(root, id));
            let creator = Creator::begin(&Needs::default(), job, || {})?;
            self.process_mut(key)?.phase = Phase::Starting;
            return self.watch(creator, Purpose::Start { process: key, caller });
        }
        let first = self.process(task.first)?;
        if first.has_ended() || first.phase != Phase::Running {
            return refused("a process in a container that does not run");
        }
        let mut opened = process.stdio.open(task.owner)?;
        let creator = {
            let addition = Addition {
                id: &request.id,
                namespace: &self.namespace,
                root: &task.root,
                spec: &process.spec,
                terminal: process.stdio.terminal,
                opened: &opened,
            };
            // What nobody hears of ends with its container.
            Creator::begin(&opened.needs(), || addition.run(), || {})?
        };
        opened.close_theirs();
        self.process_mut(key)?.phase = Phase::Starting;
        self.watch(creator, Purpose::Exec { process: key, caller, opened })
    }

    pub(super) fn pause(&mut self, caller: Caller, request: PauseRequest) -> Answer {
        let id = request.id;
        let task = self.task_mut(&id)?;
        let root = task.root.clone();
        let job = || jobs::act(&root, |root| container::freeze(root, &id));
        let creator = Creator::begin(&Needs::default(), job, || {})?;
        task.freezer = Freezer::Freezing;
        self.watch(creator, Purpose::Freeze { id, caller })
    }

    pub(super) fn resume(&mut self, caller: Caller, request: ResumeRequest) -> Answer {
        let id = request.id;
        let root = &self.task(&id)?.root;
        let job = || jobs::act(root, |root| container::thaw(root, &id));
        let creator = Creator::begin(&Needs::default(), job, || {})?;
        self.watch(creator, Purpose::Thaw { id, caller })
    }

    pub(super) fn update(&mut self, caller: Caller, request: UpdateTaskRequest) -> Answer {
        let UpdateTaskRequest { id, resources, .. } = request;
        let root = &self.task(&id)?.root;
        let resources = resources.unwrap_or_default().value;
        let name = Path::new("resources");
        let job = || jobs::act(root, |root| container::update(root, &id, name, &resources));
        let creator = Creator::begin(&Needs::default(), job, || {})?;
        self.watch(creator, Purpose::Update { caller })
    }

    /// Has a creator remove a container.
    pub(super) fn remove(&mut self, process: Key) -> Result<(), Status> {
        let id = self.process(process)?.container.clone();
        let task = self.task(&id)?;
        let job = || jobs::remove(&task.root, &id, &task.bundle);
        let creator = Creator::begin(&Needs::default(), job, || {})?;
        self.watch(creator, Purpose::Delete { process }).map(drop)
    }

    pub(super) fn watch(&mut self, creator: Creator, purpose: Purpose) -> Answer {
        let key = self.events.key();
        self.events.add(creator.as_fd(), Source::Creator(key), Interest::Read)?;
        self.creators.insert(key, (creator, purpose));
        Ok(Reply::Later)
    }

    /// Waits for a creator that does something for the sandbox.
    pub(super) fn watch_step(&mut self, creator: Creator, step: Step, caller: Caller) -> Answer {
        self.watch(creator, Purpose::Sandbox { step, caller })
    }

    /// Asks those who make containers to undo what they have begun, if `is_meant` says so of the
    /// container's first process and of the caller.
    pub(super) fn interrupt(&self, is_meant: impl Fn(Key, Caller) -> bool) {
        for (creator, purpose) in self.creators.values() {
            if let Purpose::Create { process, caller, .. } = purpose
                && is_meant(*process, *caller)
            {
                creator.interrupt();
            }
        }
    }

    /// A creator has ended.
    pub(super) fn made(&mut self, key: Key) {
        let Some((creator, _)) = self.creators.get(&key) else { return };
        let Some(outcome) = creator.outcome() else { return };
        self.events.remove(creator.as_fd());
        let Some((_, purpose)) = self.creators.remove(&key) else { return };
        if let Ok(made) = &outcome {
            made.warnings.iter().for_each(|warning| self.log.say(warning));
        }
        match purpose {
            Purpose::Create { process, caller, opened, event } => {
                let adopted = outcome.and_then(|made| self.adopt(process, opened, made));
                self.created(process, caller, event, adopted);
            }
            Purpose::Start { process, caller } => self.started(process, caller, outcome),
            Purpose::Exec { process, caller, opened } => {
                let adopted = outcome.and_then(|made| self.adopt(process, opened, made));
                self.executed(process, caller, adopted);
            }
            Purpose::Delete { process } => self.removed(process, outcome),
            Purpose::Freeze { id, caller } => self.frozen(id, caller, outcome),
            Purpose::Thaw { id, caller } => self.thawed(id, caller, outcome),
            Purpose::Update { caller } => self.done(caller, outcome),
            Purpose::Sandbox { step, caller } => self.sandbox_made(step, caller, outcome),
            Purpose::Mount { process, caller, event } => {
                self.created(process, caller, event, outcome.map(|_| 0));
            }
            Purpose::Restore { process, caller, opened } => {
                let adopted = outcome.and_then(|made| self.adopt(process, opened, made));
                self.restored(process, caller, adopted);
            }
            Purpose::Checkpoint { id, caller } => self.checkpointed(id, caller, outcome),
        }
        self.wait_for_work();
        // Its orphans are the shim's now.
        if let Err(error) = self.reap() {
            self.log.say(error);
        }
    }

    /// The process exists: its end is waited for, and its streams flow.
    fn adopt(&mut self, key: Key, opened: Opened, made: Made) -> Result<i32, Status> {
        let flows = opened.flows(made.terminal.as_ref())?;
        let missing = || Status::new(Code::Internal, "no process was made");
        let handle = made.process.ok_or_else(missing)?;
        let pid = handle.pid();
        self.events.add(handle.as_fd(), Source::Process(key), Interest::Read)?;
        let output = flows.output.into_iter();
        let streams = output.map(|plan| self.streams.open(plan, &mut self.events));
        let streams = streams.collect::<Result<Vec<_>, _>>()?;
        let process = self.process_mut(key)?;
        process.pid = pid;
        process.handle = Some(handle);
        process.terminal = made.terminal;
        process.logger = made.logger;
        process.streams = streams;
        process.input = flows.input;
        process.spec = Vec::new();
        Ok(pid)
    }

    /// The process runs: whoever sends something to it may begin.
    fn let_in(&mut self, key: Key) {
        let Some(process) = self.processes.get_mut(key) else { return };
        process.phase = Phase::Running;
        let Some(input) = process.input.take() else { return };
        let plan = input.open(process.input_end);
        let open = |plan| self.streams.open(plan, &mut self.events).map_err(Status::from);
        match plan.and_then(|plan| plan.map(open).transpose()) {
            Ok(stream) => process.streams.extend(stream),
            // It finds its input at the end.
            Err(status) => self.log.say(status),
        }
    }

    fn created(
        &mut self,
        key: Key,
        caller: Caller,
        event: TaskCreate,
        adopted: Result<i32, Status>,
    ) {
        let id = event.container_id.clone();
        match adopted {
            Ok(pid) => {
                self.set_phase(key, Phase::Created);
                if pid != 0 {
                    self.watch_memory(&id);
                }
                let pid = pid.cast_unsigned();
                self.publish_event("/tasks/create", &TaskCreate { pid, ..event });
                self.reply(caller, Ok(CreateTaskResponse { pid }.encode_to_vec()));
                self.tell(&id, Stragglers::Await);
            }
            Err(status) => {
                let task = self.tasks.remove(&id);
                // Nothing is there, but of a creator that has crashed, or of a container that could
                // not be adopted. One that was there before is not ours to remove.
                let task = task.filter(|_| status.code != Code::AlreadyExists);
                if let Some(Task { root, bundle, .. }) = task {
                    drop(super::delete::remove(&root, &id, &bundle));
                }
                self.processes.remove(key);
                self.reply(caller, Err(status));
            }
        }
    }

    pub(super) fn started(&mut self, key: Key, caller: Caller, outcome: Outcome) {
        let Some(process) = self.processes.get(key) else { return };
        let (id, pid) = (process.container.clone(), process.pid.cast_unsigned());
        match outcome {
            Ok(_) => {
                self.let_in(key);
                let event = TaskStart { container_id: id.clone(), pid };
                self.publish_event("/tasks/start", &event);
                self.reply(caller, Ok(StartResponse { pid }.encode_to_vec()));
            }
            Err(status) => {
                // Its first process ends, if it has not been before: as one that never ran.
                self.set_phase(key, Phase::Created);
                self.reply(caller, Err(status));
            }
        }
        self.tell(&id, Stragglers::Await);
    }

    fn executed(&mut self, key: Key, caller: Caller, adopted: Result<i32, Status>) {
        let Some(process) = self.processes.get_mut(key) else { return };
        let (id, exec_id) = (process.container.clone(), process.name.clone());
        match adopted {
            Ok(pid) => {
                self.let_in(key);
                let pid = pid.cast_unsigned();
                let event = TaskExecStarted { container_id: id.clone(), exec_id, pid };
                self.publish_event("/tasks/exec-started", &event);
                self.reply(caller, Ok(StartResponse { pid }.encode_to_vec()));
            }
            Err(status) => {
                process.fail();
                self.reply(caller, Err(status));
                self.wake(key);
            }
        }
        self.tell(&id, Stragglers::Await);
    }

    fn set_phase(&mut self, key: Key, phase: Phase) {
        if let Some(process) = self.processes.get_mut(key) {
            process.phase = phase;
        }
    }

    fn frozen(&mut self, id: String, caller: Caller, outcome: Outcome) {
        let freezer = if outcome.is_ok() { Freezer::Frozen } else { Freezer::Off };
        if let Some(task) = self.tasks.get_mut(&id) {
            task.freezer = freezer;
        }
        if outcome.is_ok() {
            self.publish_event("/tasks/paused", &TaskPaused { container_id: id });
        }
        self.done(caller, outcome);
    }

    fn thawed(&mut self, id: String, caller: Caller, outcome: Outcome) {
        if outcome.is_ok() {
            if let Some(task) = self.tasks.get_mut(&id) {
                task.freezer = Freezer::Off;
            }
            self.publish_event("/tasks/resumed", &TaskResumed { container_id: id });
        }
        self.done(caller, outcome);
    }

    pub(super) fn done(&mut self, caller: Caller, outcome: Outcome) {
        self.reply(caller, outcome.map(|_| Empty {}.encode_to_vec()));
    }
}

fn io(stdio: &Stdio) -> TaskIo {
    let Stdio { stdin, stdout, stderr, terminal } = stdio.clone();
    TaskIo { stdin, stdout, stderr, terminal }
}
