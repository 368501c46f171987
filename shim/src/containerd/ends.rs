//! Ends: of processes, of what flows from them, and of tasks.

use super::delete::note_exit;
use super::serve::Shim;
use super::task::{EXIT, deleted, exit_of};
use crate::creator::Outcome;
use crate::event_loop::{Key, Timer};
use crate::proto::events::{TaskDelete, TaskExit};
use crate::proto::task::WaitResponse;
use crate::reaper::Stragglers;
use crate::ttrpc::Status;
use peapod::container::{self, Root, Target};
use peapod::sys::fork::{self, SIGKILL};
use prost::Message;
use std::time::{Duration, Instant};

/// How long what a process has written may take to be read, once it is deleted.
const DRAIN: Duration = Duration::from_secs(10);

/// How long processes that were added may take to end when their container has.
const STRAGGLERS: Duration = Duration::from_secs(5);

impl Shim {
    /// A process has ended, if it is not known already.
    pub(super) fn ended(&mut self, key: Key) {
        let Some(process) = self.processes.get_mut(key) else { return };
        if !process.reap() {
            return;
        }
        let (id, is_first) = (process.container.clone(), process.is_first());
        for stream in process.streams.clone() {
            self.streams.close_input(stream, &self.events);
        }
        if is_first {
            // Before its end is told, which may have this for its reason.
            self.memory_was_short(key);
            self.end_rest(&id);
            self.events.set_timer(Instant::now() + STRAGGLERS, Timer::Stragglers(key));
        }
        self.tell(&id, Stragglers::Await);
    }

    /// Ends what is left of a container whose first process has ended. In a PID namespace of its
    /// own that is nothing.
    fn end_rest(&self, id: &str) {
        let Some(task) = self.tasks.get(id) else { return };
        let killed = Root::open(&task.root)
            .and_then(|root| container::kill(&root, id, SIGKILL, Target::All));
        // There was nothing, or `delete` will do it.
        drop(killed);
    }

    /// Tells of ends, as far as they may be told.
    pub(super) fn tell(&mut self, id: &str, stragglers: Stragglers) {
        for key in self.processes.tell(id, stragglers) {
            let Some(process) = self.processes.get(key) else { continue };
            let (exit_status, exited_at) = exit_of(process.exit);
            let is_first = process.is_first();
            let pid = process.pid.cast_unsigned();
            let event = TaskExit {
                container_id: id.to_owned(),
                id: if is_first { id.to_owned() } else { process.name.clone() },
                pid,
                exit_status,
                exited_at,
            };
            if is_first {
                self.events.clear_timer(Timer::Stragglers(key));
                let bundle = self.tasks.get(id).map(|task| task.bundle.as_path());
                bundle.inspect(|bundle| note_exit(bundle, &deleted(process)));
            }
            self.publish_event(EXIT, &event);
            self.wake(key);
            self.bury(key);
        }
    }

    /// Answers those who wait for the end of a process.
    pub(super) fn wake(&mut self, key: Key) {
        let Some(process) = self.processes.get_mut(key) else { return };
        let (exit_status, exited_at) = exit_of(process.exit);
        let waiters = std::mem::take(&mut process.waiters);
        let answer = WaitResponse { exit_status, exited_at }.encode_to_vec();
        waiters.into_iter().for_each(|caller| self.reply(caller, Ok(answer.clone())));
    }

    /// Lets a stream flow.
    pub(super) fn flow(&mut self, key: Key) {
        let is_over = self.streams.flow(key, &self.events).unwrap_or_else(|error| {
            self.log.say(error);
            self.streams.close(key, &self.events);
            true
        });
        if !is_over {
            return;
        }
        self.streams.rest();
        let owner = self.processes.iter().find(|(_, process)| process.streams.contains(&key));
        if let Some(owner) = owner.map(|(owner, _)| owner) {
            self.bury(owner);
        }
    }

    /// What a deleted process has written was not read in time.
    pub(super) fn give_up_streams(&mut self, key: Key) {
        let Some(process) = self.processes.get(key) else { return };
        for stream in process.streams.clone() {
            self.streams.close(stream, &self.events);
        }
        self.bury(key);
    }

    /// A container was removed, or could not be.
    pub(super) fn removed(&mut self, key: Key, outcome: Outcome) {
        let Some(process) = self.processes.get_mut(key) else { return };
        match outcome {
            Ok(_) => {
                // It may have lived until then, and ends be still unseen.
                let id = process.container.clone();
                let own = self.processes.iter().filter(|(_, process)| process.container == id);
                let own: Vec<_> = own.map(|(key, _)| key).collect();
                own.into_iter().for_each(|key| self.ended(key));
                self.tell(&id, Stragglers::Forget);
                if let Some(process) = self.processes.get_mut(key) {
                    process.is_removed = true;
                }
                self.bury(key);
            }
            Err(status) => {
                let callers = std::mem::take(&mut process.deleters);
                callers.into_iter().for_each(|caller| self.reply(caller, Err(status.clone())));
            }
        }
    }

    /// Begins to wait until what a process has written is read.
    pub(super) fn begin_drain(&mut self, key: Key) {
        self.events.set_timer(Instant::now() + DRAIN, Timer::Drain(key));
    }

    /// Forgets a process that was deleted, if it was and nothing of it is left, and answers those
    /// who asked for it.
    pub(super) fn bury(&mut self, key: Key) {
        let Some(process) = self.processes.get(key).filter(|process| process.is_removed) else {
            return;
        };
        if process.streams.iter().any(|stream| self.streams.is_open(*stream)) {
            return;
        }
        let Some(mut process) = self.processes.remove(key) else { return };
        self.events.clear_timer(Timer::Drain(key));
        let (id, name) = (&process.container, &process.name);
        let answer = deleted(&process);
        self.dismiss(process.logger.take());
        self.graves.bury(id, name, answer.clone());
        if !process.is_first() {
            if let Some(task) = self.tasks.get_mut(id) {
                task.execs.remove(name);
            }
        } else if let Some(task) = self.tasks.remove(id) {
            task.execs.values().for_each(|exec| drop(self.processes.remove(*exec)));
            let event = TaskDelete {
                container_id: id.clone(),
                pid: answer.pid,
                exit_status: answer.exit_status,
                exited_at: answer.exited_at,
                id: String::new(),
            };
            self.publish_event("/tasks/delete", &event);
        }
        let message: Result<_, Status> = Ok(answer.encode_to_vec());
        process.deleters.iter().for_each(|caller| self.reply(*caller, message.clone()));
        fork::trim_memory();
    }
}
