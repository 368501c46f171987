//! The Task service, versions 2 and 3: one method a call. What can block is left to a creator, and
//! answered when that has ended ([`made`](super::made)).

use super::checkpoint::Criu;
use super::memory::Memory;
use super::sandbox;
use super::serve::Shim;
use crate::creator::{failed, in_root};
use crate::event_loop::Key;
use crate::events;
use crate::logs::{InputEnd, Stdio};
use crate::metrics::metrics;
use crate::proto::events::TaskExecAdded;
use crate::proto::task::{
    CloseIORequest, ConnectRequest, ConnectResponse, DeleteRequest, DeleteResponse,
    ExecProcessRequest, KillRequest, PidsRequest, PidsResponse, ResizePtyRequest, ShutdownRequest,
    StateRequest, StateResponse, StatsRequest, StatsResponse, WaitRequest, WaitResponse,
};
use crate::proto::types::{self, ProcessInfo};
use crate::proto::{Any, Empty, runc};
use crate::reaper::{Caller, Exit, Phase, Process};
use crate::ttrpc::{Call, Code, Status};
use peapod::container::{self, Root, Target};
use peapod::error::Error;
use peapod::sys::fork::SIGKILL;
use peapod::sys::pipe;
use prost::Message;
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::PathBuf;

/// The names of the service: the messages are the same.
pub(super) const SERVICES: [&str; 2] = ["containerd.task.v2.Task", "containerd.task.v3.Task"];

/// What a call is answered with, if not with an error.
#[derive(Debug)]
pub(super) enum Reply {
    Now(Vec<u8>),
    /// When it has happened.
    Later,
}

pub(super) type Answer = Result<Reply, Status>;

/// A container, as containerd calls it.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) bundle: PathBuf,
    /// The runtime's directory, which has its state.
    pub(super) root: PathBuf,
    /// Its first process.
    pub(super) first: Key,
    /// Those that were added.
    pub(super) execs: BTreeMap<String, Key>,
    pub(super) freezer: Freezer,
    pub(super) memory: Memory,
    /// Who owns its pipes.
    pub(super) owner: Option<(u32, u32)>,
    pub(super) criu: Criu,
}

/// Whether its processes stand still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freezer {
    Off,
    Freezing,
    Frozen,
}

impl Shim {
    pub(super) fn call(&mut self, caller: Caller, call: &Call) -> Answer {
        let Call { service, method, payload, .. } = call;
        if SERVICES.contains(&service.as_str()) {
            return self.task_call(caller, method, payload);
        }
        if service == sandbox::SERVICE {
            return self.sandbox_call(caller, method, payload);
        }
        Err(Status::new(Code::Unimplemented, format!("service {service}")))
    }

    fn task_call(&mut self, caller: Caller, method: &str, payload: &[u8]) -> Answer {
        match method {
            "State" => self.state(&decode(payload)?),
            "Create" => self.create(caller, decode(payload)?),
            "Start" => self.start(caller, &decode(payload)?),
            "Delete" => self.delete(caller, &decode(payload)?),
            "Pids" => self.pids(&decode(payload)?),
            "Pause" => self.pause(caller, decode(payload)?),
            "Resume" => self.resume(caller, decode(payload)?),
            "Checkpoint" => self.checkpoint(caller, decode(payload)?),
            "Kill" => self.kill(&decode(payload)?),
            "Exec" => self.exec(decode(payload)?),
            "ResizePty" => self.resize(&decode(payload)?),
            "CloseIO" => self.close_input(&decode(payload)?),
            "Update" => self.update(caller, decode(payload)?),
            "Wait" => self.wait(caller, &decode(payload)?),
            "Stats" => self.stats(&decode(payload)?),
            "Connect" => self.connected(&decode(payload)?),
            "Shutdown" => self.shutdown(&decode(payload)?),
            _ => Err(Status::new(Code::Unimplemented, format!("method {method}"))),
        }
    }

    fn state(&mut self, request: &StateRequest) -> Answer {
        let StateRequest { id, exec_id } = request;
        let key = self.key_of(id, exec_id)?;
        let task = self.task(id)?;
        let process = self.process(key)?;
        let Stdio { stdin, stdout, stderr, terminal } = process.stdio.clone();
        let status = match process.phase {
            _ if process.exit.is_some() => types::Status::Stopped,
            Phase::Added | Phase::Creating | Phase::Created => types::Status::Created,
            Phase::Starting | Phase::Running => match task.freezer {
                Freezer::Off => types::Status::Running,
                Freezer::Freezing => types::Status::Pausing,
                Freezer::Frozen => types::Status::Paused,
            },
        };
        // What is being started is not yet.
        let status = match (process.phase, status) {
            (Phase::Starting, types::Status::Running) => types::Status::Created,
            (_, status) => status,
        };
        let (exit_status, exited_at) = exit_of(process.exit);
        now(&StateResponse {
            id: id.clone(),
            bundle: task.bundle.to_string_lossy().into_owned(),
            pid: process.pid.cast_unsigned(),
            status: status as i32,
            stdin,
            stdout,
            stderr,
            terminal,
            exit_status,
            exited_at,
            exec_id: exec_id.clone(),
        })
    }

    fn exec(&mut self, request: ExecProcessRequest) -> Answer {
        let ExecProcessRequest { id, exec_id, terminal, stdin, stdout, stderr, spec } = request;
        let task = self.task(&id)?;
        let is_wrong = exec_id.is_empty() || exec_id.len() > 128 || exec_id.contains('/');
        if is_wrong {
            return Err(Status::new(Code::InvalidArgument, format!("exec id {exec_id:?}")));
        }
        if task.execs.contains_key(&exec_id) {
            return Err(Status::new(Code::AlreadyExists, format!("exec {exec_id} of task {id}")));
        }
        let stdio = Stdio { stdin, stdout, stderr, terminal };
        let mut process = Process::new(&id, &exec_id, stdio, Phase::Added);
        process.spec = spec.unwrap_or_default().value;
        let key = self.events.key();
        self.graves.open(&id, &exec_id);
        self.processes.insert(key, process);
        self.task_mut(&id)?.execs.insert(exec_id.clone(), key);
        self.publish_event("/tasks/exec-added", &TaskExecAdded { container_id: id, exec_id });
        now(&Empty {})
    }

    fn kill(&mut self, request: &KillRequest) -> Answer {
        let KillRequest { id, exec_id, signal, all } = request;
        let key = self.key_of(id, exec_id)?;
        let process = self.process(key)?;
        let finished = || Status::new(Code::NotFound, "process already finished".to_owned());
        if process.has_ended() {
            return Err(finished());
        }
        let signal = signal.cast_signed();
        if process.handle.is_some() && exec_id.is_empty() && (*all || signal == SIGKILL) {
            let root = Root::open(&self.task(id)?.root)?;
            return match container::kill(&root, id, signal, Target::All) {
                Err(Error::WrongState(_)) => Err(finished()),
                killed => {
                    killed?;
                    now(&Empty {})
                }
            };
        }
        if process.phase == Phase::Creating && signal == SIGKILL {
            self.interrupt(|process, _| process == key);
            return now(&Empty {});
        }
        let Some(handle) = &process.handle else {
            let message = format!("process {exec_id:?} of task {id} was not created yet");
            return Err(Status::new(Code::FailedPrecondition, message));
        };
        match handle.signal(signal) {
            Ok(true) => now(&Empty {}),
            Ok(false) => Err(finished()),
            Err(error) => Err(Status::new(Code::InvalidArgument, error.to_string())),
        }
    }

    fn pids(&mut self, request: &PidsRequest) -> Answer {
        let id = &request.id;
        if let Some(pid) = self.pause_of(id) {
            let pause = ProcessInfo { pid, info: None };
            return now(&PidsResponse { processes: vec![pause] });
        }
        let task = self.task(id)?;
        let first = self.process(task.first)?.pid;
        let mut pids = Root::open(&task.root)
            .and_then(|root| container::processes(&root, id))
            .unwrap_or_default();
        // A container is there until it is deleted: containerd gives up one without a process.
        if !pids.contains(&first) {
            pids.insert(0, first);
        }
        let names: BTreeMap<_, _> = self
            .processes
            .iter()
            .filter(|(_, process)| process.container == *id && !process.is_first())
            .map(|(_, process)| (process.pid, process.name.clone()))
            .collect();
        let info = |pid: i32| ProcessInfo {
            pid: pid.cast_unsigned(),
            info: names
                .get(&pid)
                .map(|name| Any::pack(&runc::ProcessDetails { exec_id: name.clone() })),
        };
        now(&PidsResponse { processes: pids.into_iter().map(info).collect() })
    }

    fn resize(&mut self, request: &ResizePtyRequest) -> Answer {
        let key = self.key_of(&request.id, &request.exec_id)?;
        let side = |length: u32| u16::try_from(length).unwrap_or(u16::MAX);
        if let Some(terminal) = &self.process(key)?.terminal {
            pipe::resize(terminal.as_fd(), side(request.width), side(request.height))
                .map_err(|error| failed(&error))?;
        }
        now(&Empty {})
    }

    fn close_input(&mut self, request: &CloseIORequest) -> Answer {
        let key = self.key_of(&request.id, &request.exec_id)?;
        if request.stdin {
            let process = self.process_mut(key)?;
            process.input_end = InputEnd::WithClients;
            let streams = process.streams.clone();
            streams.into_iter().for_each(|stream| self.streams.finish_input(stream));
        }
        now(&Empty {})
    }

    fn wait(&mut self, caller: Caller, request: &WaitRequest) -> Answer {
        let key = self.key_of(&request.id, &request.exec_id)?;
        let process = self.process_mut(key)?;
        if process.exit.is_none() {
            process.waiters.push(caller);
            return Ok(Reply::Later);
        }
        let (exit_status, exited_at) = exit_of(process.exit);
        now(&WaitResponse { exit_status, exited_at })
    }

    fn connected(&mut self, request: &ConnectRequest) -> Answer {
        // containerd asks for the sandbox as for a task, when it has been restarted.
        let task_pid = match self.pause_of(&request.id) {
            Some(pid) => pid,
            None => self.process(self.task(&request.id)?.first)?.pid.cast_unsigned(),
        };
        now(&ConnectResponse { shim_pid: std::process::id(), task_pid, version: String::new() })
    }

    fn stats(&self, request: &StatsRequest) -> Answer {
        let task = self.task(&request.id)?;
        let counters = in_root(&task.root, |root| container::counters(root, &request.id))?;
        let mut metrics = metrics(counters.as_ref())?;
        if counters.is_none() {
            // systemd has removed it with its last process: whether that was killed for want of
            // memory is asked for now.
            metrics.memory_events = Some(task.memory.last());
        }
        let stats = Some(Any::pack(&metrics));
        now(&StatsResponse { stats })
    }

    fn shutdown(&mut self, _request: &ShutdownRequest) -> Answer {
        // It is asked for after each task, but meant for the last one.
        if self.tasks.is_empty() && self.pod.is_none() {
            self.end();
        }
        now(&Empty {})
    }

    fn delete(&mut self, caller: Caller, request: &DeleteRequest) -> Answer {
        let DeleteRequest { id, exec_id } = request;
        let key = match self.key_of(id, exec_id) {
            Err(error) => match self.graves.find(id, exec_id) {
                Some(answer) => return now(answer),
                None => return Err(error),
            },
            key => key?,
        };
        let process = self.process_mut(key)?;
        let is_deleted = !process.deleters.is_empty();
        let may_be = match process.phase {
            Phase::Added | Phase::Created => true,
            Phase::Creating | Phase::Starting => false,
            Phase::Running => process.exit.is_some(),
        };
        if !may_be && !is_deleted {
            // Who does not want it need not have it made.
            self.interrupt(|process, _| process == key);
            let message = format!("cannot delete a running process: {exec_id:?} of task {id}");
            return Err(Status::new(Code::FailedPrecondition, message));
        }
        process.deleters.push(caller);
        if is_deleted {
            return Ok(Reply::Later);
        }
        let is_first = process.is_first();
        self.begin_drain(key);
        let process = self.process_mut(key)?;
        let begun = if is_first {
            self.remove(key)
        } else {
            process.is_removed = true;
            self.bury(key);
            Ok(())
        };
        if begun.is_err() {
            self.process_mut(key)?.deleters.clear();
        }
        begun.map(|()| Reply::Later)
    }
}

impl Shim {
    pub(super) fn task(&self, id: &str) -> Result<&Task, Status> {
        self.tasks.get(id).ok_or_else(|| not_found(id))
    }

    pub(super) fn task_mut(&mut self, id: &str) -> Result<&mut Task, Status> {
        self.tasks.get_mut(id).ok_or_else(|| not_found(id))
    }

    pub(super) fn process(&self, key: Key) -> Result<&Process, Status> {
        self.processes.get(key).ok_or_else(|| not_found("of that process"))
    }

    pub(super) fn process_mut(&mut self, key: Key) -> Result<&mut Process, Status> {
        self.processes.get_mut(key).ok_or_else(|| not_found("of that process"))
    }

    /// The process of a task: its first one, or that of the name `exec`.
    pub(super) fn key_of(&self, id: &str, exec: &str) -> Result<Key, Status> {
        let task = self.task(id)?;
        if exec.is_empty() {
            return Ok(task.first);
        }
        let missing = || Status::new(Code::NotFound, format!("exec {exec} of task {id}"));
        task.execs.get(exec).copied().ok_or_else(missing)
    }

    pub(super) fn publish_event<T: crate::proto::Named>(&mut self, topic: &str, event: &T) {
        self.publisher.publish(topic, event);
    }
}

/// The topic of an exit is the publisher's to know.
pub(super) const EXIT: &str = events::EXIT;

pub(super) fn now(message: &impl Message) -> Answer {
    Ok(Reply::Now(message.encode_to_vec()))
}

pub(super) fn exit_of(exit: Option<Exit>) -> (u32, Option<crate::proto::Timestamp>) {
    exit.map_or((0, None), |Exit { code, at }| (code.into(), Some(at.into())))
}

pub(super) fn deleted(process: &Process) -> DeleteResponse {
    let (exit_status, exited_at) = exit_of(process.exit);
    DeleteResponse { pid: process.pid.cast_unsigned(), exit_status, exited_at }
}

fn not_found(id: &str) -> Status {
    Status::new(Code::NotFound, format!("task {id}"))
}

pub(super) fn decode<T: Message + Default>(payload: &[u8]) -> Result<T, Status> {
    T::decode(payload).map_err(|error| Status::new(Code::InvalidArgument, error.to_string()))
}
