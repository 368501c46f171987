//! The shim itself: one thread that waits, and says what has happened to whom.

use super::args::Args;
use super::grave::Graves;
use super::loggers::Loggers;
use super::made::Purpose;
use super::sandbox::Pod;
use super::start::TTRPC_ADDRESS;
use super::task::{Reply, Task};
use super::{settle, socket};
use crate::creator::Creator;
use crate::event_loop::{EventLoop, Key, Source, Timer};
use crate::events::Publisher;
use crate::io::Streams;
use crate::log::Log;
use crate::reaper::{Caller, Processes, Stragglers};
use crate::ttrpc::{Call, Connection, Progress, Status};
use peapod::sys::epoll::{Event, Interest};
use peapod::sys::fork::{self, Received, Signals};
use peapod::sys::{Result, pipe, resident};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

/// How long a shim stays that nobody has a use for any more.
const IDLE: Duration = Duration::from_secs(5);

/// The same with a connection: containerd may have given up the shim, and forgotten to close it.
const FORGOTTEN: Duration = Duration::from_secs(15);

/// How long it waits for the first call: as long as containerd tries to connect.
const UNUSED: Duration = Duration::from_secs(100);

/// How long clients may take to close their connections when the shim ends: the answer to the call
/// that ends it has to arrive before.
const LINGER: Duration = Duration::from_secs(1);

/// How long nothing has happened when the shim gives back what it holds on to.
const QUIET: Duration = Duration::from_secs(2);

/// How long it takes until connections are accepted again, when there was no descriptor for one.
const RECOVERY: Duration = Duration::from_millis(200);

/// Everything.
#[derive(Debug)]
pub(super) struct Shim {
    pub(super) events: EventLoop,
    pub(super) namespace: String,
    pub(super) tasks: BTreeMap<String, Task>,
    /// The sandbox of the tasks, if containerd has left it to the shim.
    pub(super) pod: Option<Pod>,
    pub(super) processes: Processes,
    pub(super) streams: Streams,
    pub(super) creators: BTreeMap<Key, (Creator, Purpose)>,
    pub(super) publisher: Publisher,
    pub(super) graves: Graves,
    pub(super) loggers: Loggers,
    pub(super) log: Log,
    /// Whether the shim ends as soon as its clients have gone.
    pub(super) is_ending: bool,
    /// Whether it ends at once.
    is_over: bool,
    connections: BTreeMap<Key, Client>,
    listener: UnixListener,
    signals: Signals,
    /// The connection of the publisher that is watched, and whether it is for writing too.
    watched: Option<(u32, bool)>,
}

#[derive(Debug)]
struct Client {
    connection: Connection,
    interest: Interest,
}

/// Serves until nobody needs the shim any more.
pub(super) fn serve(args: &Args) -> anyhow::Result<()> {
    let listener = settle::settle(args)?;
    let address = std::env::var(TTRPC_ADDRESS).unwrap_or_default();
    let mut shim = Shim::new(listener, &args.namespace, &address)?;
    let ended = shim.run();
    for (creator, _) in shim.creators.values() {
        creator.interrupt();
    }
    socket::remove(&shim.listener)?;
    Ok(ended?)
}

impl Shim {
    fn new(listener: UnixListener, namespace: &str, address: &str) -> Result<Self> {
        fork::be_frugal();
        let events = EventLoop::new()?;
        let signals = Signals::read()?;
        pipe::set_nonblocking(listener.as_fd())?;
        events.add(listener.as_fd(), Source::Listener, Interest::Read)?;
        events.add(signals.as_fd(), Source::Signals, Interest::Read)?;
        Ok(Self {
            events,
            publisher: Publisher::new(address, namespace),
            namespace: namespace.to_owned(),
            tasks: BTreeMap::new(),
            pod: None,
            processes: Processes::default(),
            streams: Streams::default(),
            creators: BTreeMap::new(),
            graves: Graves::default(),
            loggers: Loggers::default(),
            log: Log,
            is_ending: false,
            is_over: false,
            connections: BTreeMap::new(),
            listener,
            signals,
            watched: None,
        })
    }

    fn run(&mut self) -> Result<()> {
        let mut events = Vec::new();
        self.events.set_timer(Instant::now() + UNUSED, Timer::Idle);
        loop {
            self.publish()?;
            let is_over = self.is_over || (self.is_ending && self.connections.is_empty());
            if is_over && self.loggers.is_empty() {
                return Ok(());
            }
            let passed = self.events.wait(&mut events)?;
            if passed == [Timer::Rest] && events.is_empty() {
                resident::rest();
                continue;
            }
            self.events.set_timer(Instant::now() + QUIET, Timer::Rest);
            for event in &events {
                self.happened(*event)?;
            }
            passed.into_iter().for_each(|timer| self.passed(timer));
        }
    }

    fn happened(&mut self, event: Event) -> Result<()> {
        match Source::of(event) {
            Some(Source::Listener) => self.accept(),
            Some(Source::Signals) => self.hear()?,
            Some(Source::Connection(key)) => self.serve(key, event),
            Some(Source::Process(key)) => self.ended(key),
            Some(Source::Creator(key)) => self.made(key),
            Some(Source::Pause) => self.pause_ended(),
            Some(Source::Reader(key) | Source::Writer(key)) => self.flow(key),
            Some(Source::Memory(key)) => self.memory_was_short(key),
            // It is looked after in each round.
            Some(Source::Publisher) | None => {}
        }
        Ok(())
    }

    fn passed(&mut self, timer: Timer) {
        match timer {
            Timer::Drain(key) => self.give_up_streams(key),
            Timer::Stragglers(key) => {
                let first = self.processes.get(key).map(|process| process.container.clone());
                first.iter().for_each(|id| self.tell(id, Stragglers::Forget));
            }
            Timer::Idle if self.is_idle() && !self.loggers.is_empty() => self.wait_for_work(),
            Timer::Linger if self.is_ending && !self.loggers.is_empty() => self.end(),
            Timer::Idle if self.is_idle() => self.is_over = true,
            Timer::Linger if self.is_ending => self.is_over = true,
            Timer::Accept => {
                // It cannot fail: the descriptor was in the set before.
                let _ = self.events.add(self.listener.as_fd(), Source::Listener, Interest::Read);
            }
            Timer::Logger(key) => self.loggers.end(key),
            Timer::Idle | Timer::Linger | Timer::Publisher | Timer::Rest => {}
        }
    }

    fn is_idle(&self) -> bool {
        // Whoever has asked for a sandbox may take his time before he starts it, but not go away.
        let is_forsaken = |pod: &Pod| pod.is_new() && self.connections.is_empty();
        let is_needed = |pod: &Pod| !pod.has_ended() && !is_forsaken(pod);
        let has_pod = self.pod.as_ref().is_some_and(is_needed);
        self.tasks.is_empty() && self.creators.is_empty() && !has_pod
    }

    /// Somebody has been heard of. If there is nothing to be done for anybody, the shim ends when
    /// that stays so.
    pub(super) fn wait_for_work(&mut self) {
        if self.is_idle() {
            let patience = if self.connections.is_empty() { IDLE } else { FORGOTTEN };
            self.events.set_timer(Instant::now() + patience, Timer::Idle);
        }
    }

    /// Ends the shim when its clients have gone, or soon.
    pub(super) fn end(&mut self) {
        self.is_ending = true;
        self.events.set_timer(Instant::now() + LINGER, Timer::Linger);
    }

    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                // Others than its own user have no business here.
                Ok((stream, _)) if resident::is_ours(stream.as_fd()).unwrap_or(false) => {
                    let connected = Connection::new(stream).map(|new| self.connect(new));
                    connected.unwrap_or_else(|error| self.log.say(error));
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.log.say(format_args!("accept: {error}"));
                    self.events.remove(self.listener.as_fd());
                    self.events.set_timer(Instant::now() + RECOVERY, Timer::Accept);
                    return;
                }
            }
        }
    }

    fn connect(&mut self, connection: Connection) {
        let (key, interest) = (self.events.key(), Interest::Read);
        let added = self.events.add(connection.as_fd(), Source::Connection(key), interest);
        match added {
            Ok(()) => drop(self.connections.insert(key, Client { connection, interest })),
            Err(error) => self.log.say(error),
        }
        self.events.set_timer(Instant::now() + UNUSED, Timer::Idle);
    }

    fn serve(&mut self, key: Key, event: Event) {
        let Some(client) = self.connections.get_mut(&key) else { return };
        let mut progress = Progress::Open;
        if event.readable {
            progress = client.connection.read();
        }
        while let Some(call) = self.next_call(key) {
            let caller = Caller { connection: key, stream: call.stream };
            match self.call(caller, &call) {
                Ok(Reply::Later) => {}
                Ok(Reply::Now(message)) => self.reply(caller, Ok(message)),
                Err(status) => self.reply(caller, Err(status)),
            }
        }
        match progress {
            Progress::Open => self.refresh(key),
            Progress::Closed => self.disconnect(key),
        }
        self.wait_for_work();
    }

    fn next_call(&mut self, key: Key) -> Option<Call> {
        self.connections.get_mut(&key)?.connection.next_request()
    }

    /// Answers a call. That its caller is gone is fine.
    pub(super) fn reply(&mut self, caller: Caller, answer: std::result::Result<Vec<u8>, Status>) {
        if let Some(client) = self.connections.get_mut(&caller.connection) {
            client.connection.reply(caller.stream, answer);
            self.refresh(caller.connection);
        }
    }

    /// Writes what can be written, and waits for what is of interest then.
    fn refresh(&mut self, key: Key) {
        let Some(client) = self.connections.get_mut(&key) else { return };
        if client.connection.write() == Progress::Closed {
            return self.disconnect(key);
        }
        let connection = &client.connection;
        let interest = match (connection.wants_read(), connection.wants_write()) {
            (true, true) => Interest::Both,
            (false, true) => Interest::Write,
            (_, false) => Interest::Read,
        };
        if interest == client.interest {
            return;
        }
        client.interest = interest;
        let source = Source::Connection(key);
        if let Err(error) = self.events.modify(client.connection.as_fd(), source, interest) {
            self.log.say(error);
            self.disconnect(key);
        }
    }

    fn disconnect(&mut self, key: Key) {
        if let Some(client) = self.connections.remove(&key) {
            self.events.remove(client.connection.as_fd());
        }
        self.processes.forget_callers(key);
        self.pod.iter_mut().for_each(|pod| pod.forget_callers(key));
        // containerd has ended, and will not know the container when it comes back.
        self.interrupt(|_, caller| caller.connection == key);
        self.wait_for_work();
    }

    fn hear(&mut self) -> Result<()> {
        while let Some(signal) = self.signals.next()? {
            match signal {
                Received::End => self.is_over = true,
                Received::Tell => self.describe(),
                Received::Child => self.reap()?,
                Received::Other => {}
            }
        }
        Ok(())
    }

    /// Reaps what has ended, whether it is known or has become a child of the shim's.
    pub(super) fn reap(&mut self) -> Result<()> {
        while let Some(pid) = fork::ended_child()? {
            let creator = self.creators.iter().find(|(_, (creator, _))| creator.pid() == pid);
            let creator = creator.map(|(key, _)| *key);
            if let Some(key) = self.processes.of_pid(pid) {
                self.ended(key);
            } else if let Some(key) = creator {
                self.made(key);
            } else if self.is_pause(pid) {
                self.pause_ended();
            } else if self.loggers.forget(pid) || self.creators.is_empty() {
                fork::reap(pid);
            } else {
                // It may be what a creator has made, and has not told of yet.
                break;
            }
        }
        Ok(())
    }

    fn publish(&mut self) -> Result<()> {
        self.publisher.drive(Instant::now());
        let wanted = self.publisher.interest();
        let now = wanted.map(|interest| (interest.number, interest.write));
        if let Some(wanted) = wanted.filter(|_| now != self.watched) {
            let interest = if wanted.write { Interest::Both } else { Interest::Read };
            let is_new = self.watched.is_none_or(|(number, _)| number != wanted.number);
            if is_new {
                self.events.add(wanted.fd, Source::Publisher, interest)?;
            } else {
                self.events.modify(wanted.fd, Source::Publisher, interest)?;
            }
        }
        self.watched = now;
        match self.publisher.deadline() {
            Some(at) => self.events.set_timer(at, Timer::Publisher),
            None => self.events.clear_timer(Timer::Publisher),
        }
        Ok(())
    }

    /// Writes the state of everything to the log.
    fn describe(&mut self) {
        let (waiting, dropped) = self.publisher.counts();
        let mut lines = vec![format!(
            "state: {} tasks, {} connections, {} creators, {} streams; events: {waiting} wait, \
             {dropped} were dropped",
            self.tasks.len(),
            self.connections.len(),
            self.creators.len(),
            self.streams.len(),
        )];
        lines.extend(self.processes.iter().map(|(_, process)| {
            let (task, exec) = (&process.container, &process.name);
            let (phase, pid, exit) = (process.phase, process.pid, process.exit);
            format!("state: task {task} exec {exec:?} pid {pid} {phase:?} {exit:?}")
        }));
        lines.iter().for_each(|line| self.log.say(line));
    }
}
