//! The processes of containers, and their ends: each is told once, an added process's before that
//! of the container's first one, and none before its start.
//!
//! A process is known by its pidfd, never by its number, which another may have had or will have.

use crate::event_loop::Key;
use crate::logs::{Input, InputEnd, Stdio};
use peapod::sys::fork;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::SystemTime;

/// How far a process has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It was asked for, and is not to be made yet.
    Added,
    /// It is being made.
    Creating,
    /// It waits to be started.
    Created,
    /// It is being started: whether it has been is not known yet.
    Starting,
    /// It was started.
    Running,
}

/// How and when a process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) code: u8,
    pub(crate) at: SystemTime,
}

/// The exit code of a process that has none.
const UNKNOWN: u8 = 255;

/// The call of a client that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) connection: Key,
    pub(crate) stream: u32,
}

/// A process of a container.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) container: String,
    /// Its own name; empty for the first process.
    pub(crate) name: String,
    pub(crate) stdio: Stdio,
    pub(crate) phase: Phase,
    /// Until it is reaped.
    pub(crate) handle: Option<fork::Process>,
    /// 0 until there is one.
    pub(crate) pid: i32,
    /// It has ended, and that was told.
    pub(crate) exit: Option<Exit>,
    /// It has ended.
    seen: Option<Exit>,
    /// Who waits for its end.
    pub(crate) waiters: Vec<Caller>,
    /// Who waits for it to be deleted.
    pub(crate) deleters: Vec<Caller>,
    /// Whether nothing of it is left but what it has written.
    pub(crate) is_removed: bool,
    /// What flows to and from it.
    pub(crate) streams: Vec<Key>,
    /// What flows to it once it runs.
    pub(crate) input: Option<Input>,
    pub(crate) input_end: InputEnd,
    pub(crate) terminal: Option<OwnedFd>,
    /// The program that its output goes to.
    pub(crate) logger: Option<fork::Process>,
    /// What is to be executed, as long as it is not: `process` of config.json.
    pub(crate) spec: Vec<u8>,
}

impl Process {
    pub(crate) fn new(container: &str, name: &str, stdio: Stdio, phase: Phase) -> Self {
        Self {
            container: container.to_owned(),
            name: name.to_owned(),
            stdio,
            phase,
            handle: None,
            pid: 0,
            exit: None,
            seen: None,
            waiters: Vec::new(),
            deleters: Vec::new(),
            is_removed: false,
            streams: Vec::new(),
            input: None,
            input_end: InputEnd::Later,
            terminal: None,
            logger: None,
            spec: Vec::new(),
        }
    }

    /// Whether it is the one that the container lives and dies with.
    pub(crate) fn is_first(&self) -> bool {
        self.name.is_empty()
    }

    /// Whether its end may be told.
    fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Created | Phase::Running)
    }

    /// Whether it has ended, told or not.
    pub(crate) fn has_ended(&self) -> bool {
        self.seen.is_some() || self.exit.is_some()
    }

    /// Whether the end of the first process has to wait for this one's: both are about to happen.
    fn is_awaited(&self) -> bool {
        self.exit.is_none() && matches!(self.phase, Phase::Starting | Phase::Running)
    }

    /// Reaps it, if it has ended; answers whether it has just now.
    pub(crate) fn reap(&mut self) -> bool {
        let Some(handle) = &self.handle else { return false };
        let code = match handle.reap() {
            Ok(None) => return false,
            Ok(Some(code)) => code,
            // Nobody's child any more: that it has ended is all that is known.
            Err(_) => UNKNOWN,
        };
        self.handle = None;
        self.seen = Some(Exit { code, at: SystemTime::now() });
        true
    }

    /// Its program could not be executed: nobody is told, but who asks.
    pub(crate) fn fail(&mut self) {
        self.phase = Phase::Running;
        self.exit = Some(Exit { code: UNKNOWN, at: SystemTime::now() });
    }
}

/// All processes.
#[derive(Debug, Default)]
pub(crate) struct Processes(BTreeMap<Key, Process>);

/// Whether the first process waits for those that were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stragglers {
    Await,
    Forget,
}

impl Processes {
    pub(crate) fn insert(&mut self, key: Key, process: Process) {
        self.0.insert(key, process);
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Process> {
        self.0.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Process> {
        self.0.get_mut(&key)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Process> {
        self.0.remove(&key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &Process)> {
        self.0.iter().map(|(key, process)| (*key, process))
    }

    /// Nobody waits over this connection any more.
    pub(crate) fn forget_callers(&mut self, connection: Key) {
        for process in self.0.values_mut() {
            process.waiters.retain(|caller| caller.connection != connection);
        }
    }

    /// The process that has this number now.
    pub(crate) fn of_pid(&self, pid: i32) -> Option<Key> {
        let is_it =
            |process: &Process| process.handle.as_ref().is_some_and(|handle| handle.pid() == pid);
        self.iter().find(|(_, process)| is_it(process)).map(|(key, _)| key)
    }

    /// Takes note that the ends of processes of `container` are told now: those that may be, in the
    /// order in which they are.
    pub(crate) fn tell(&mut self, container: &str, stragglers: Stragglers) -> Vec<Key> {
        let mut told = Vec::new();
        let mut own: Vec<_> =
            self.0.iter_mut().filter(|(_, process)| process.container == container).collect();
        own.sort_by_key(|(key, process)| (process.is_first(), **key));
        let mut is_alone = true;
        for (key, process) in own {
            let waits = process.is_first() && !is_alone && stragglers == Stragglers::Await;
            if process.is_settled() && !waits && process.exit.is_none() && process.seen.is_some() {
                process.exit = process.seen;
                told.push(*key);
            }
            is_alone &= !process.is_awaited();
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: [Key; 0] = [];
    const EXIT: Exit = Exit { code: 0, at: SystemTime::UNIX_EPOCH };

    fn process(name: &str, phase: Phase, has_ended: bool) -> Process {
        let mut process = Process::new("c", name, Stdio::default(), phase);
        process.seen = has_ended.then_some(EXIT);
        process
    }

    fn processes(all: impl IntoIterator<Item = (Key, Process)>) -> Processes {
        Processes(all.into_iter().collect())
    }

    #[test]
    fn the_first_process_ends_last() {
        let mut all = processes([
            (1, process("", Phase::Running, true)),
            (2, process("x", Phase::Running, false)),
            (3, process("y", Phase::Running, true)),
        ]);
        assert_eq!(all.tell("c", Stragglers::Await), [3]);
        assert_eq!(all.tell("c", Stragglers::Await), NOBODY);
        all.get_mut(2).unwrap().seen = Some(EXIT);
        assert_eq!(all.tell("c", Stragglers::Await), [2, 1]);
        assert_eq!(all.tell("c", Stragglers::Await), NOBODY);
    }

    #[test]
    fn no_process_ends_before_it_is_known_to_have_started() {
        let mut all = processes([(1, process("", Phase::Starting, true))]);
        assert_eq!(all.tell("c", Stragglers::Await), NOBODY);
        all.get_mut(1).unwrap().phase = Phase::Running;
        assert_eq!(all.tell("c", Stragglers::Await), [1]);
    }

    #[test]
    fn a_process_that_was_only_asked_for_keeps_nobody_waiting() {
        let mut all = processes([
            (1, process("", Phase::Created, true)),
            (2, process("x", Phase::Added, false)),
        ]);
        assert_eq!(all.tell("other", Stragglers::Await), NOBODY);
        assert_eq!(all.tell("c", Stragglers::Await), [1]);
    }

    #[test]
    fn stragglers_are_forgotten_in_the_end() {
        let mut all = processes([
            (1, process("", Phase::Running, true)),
            (2, process("x", Phase::Starting, false)),
        ]);
        assert_eq!(all.tell("c", Stragglers::Await), NOBODY);
        assert_eq!(all.tell("c", Stragglers::Forget), [1]);
    }
}
