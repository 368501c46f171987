//! What happens to tasks, told to containerd: in order, one at a time, by calls of its own ttrpc
//! service.
//!
//! containerd may be away, or not read. So what happens is queued, and the loop drives this: it
//! waits on [`Publisher::interest`] until [`Publisher::deadline`], and calls [`Publisher::drive`]
//! then and after each [`Publisher::publish`].
//!
//! Whoever waits for an exit waits for good: exits are kept as long as it takes. Of the rest the
//! oldest are dropped, and counted, when [`MOST`] are waiting.

use crate::proto::events::ForwardRequest;
use crate::proto::types::Envelope;
use crate::proto::{Any, Named};
use crate::ttrpc::{Answer, Client, Progress};
use peapod::sys::resident;
use prost::Message;
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

const FORWARD: (&str, &str) = ("containerd.services.events.ttrpc.v1.Events", "Forward");

/// The topic of an exit.
pub const EXIT: &str = "/tasks/exit";

/// How many events that may be dropped wait at most.
pub const MOST: usize = 2048;

/// How long containerd has for an answer; then it is called again, over a new connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// How soon the next attempt is made when one has failed; each time twice as late, up to
/// [`LATEST`].
const SOON: Duration = Duration::from_millis(50);
const LATEST: Duration = Duration::from_secs(2);

/// An event that containerd answers with an error is dropped after so many attempts, or those
/// behind it would wait for ever.
const ATTEMPTS: u32 = 5;

/// What the loop should wait for.
#[derive(Debug, Clone, Copy)]
pub struct Interest<'a> {
    /// On this descriptor, which is another one when [`number`](Self::number) is.
    pub fd: BorrowedFd<'a>,
    /// Which connection it is.
    pub number: u32,
    /// Whether to wait until it can be written to, too. That it can be read is always of interest.
    pub write: bool,
}

/// The way to containerd.
#[derive(Debug)]
pub struct Publisher {
    /// Where containerd listens; without it nobody is told anything.
    address: Option<PathBuf>,
    namespace: String,
    queue: VecDeque<Event>,
    state: State,
    /// How many connections there were.
    connections: u32,
    dropped: u64,
}

#[derive(Debug)]
struct Event {
    /// A [`ForwardRequest`].
    message: Vec<u8>,
    is_exit: bool,
    /// How often containerd has refused it.
    refused: u32,
}

#[derive(Debug)]
enum State {
    /// No connection, and no attempt to make one before that moment.
    Apart { until: Option<Instant>, delay: Duration },
    /// A connection, and what containerd is being told.
    Connected { client: Client, told: Option<Told> },
}

#[derive(Debug)]
struct Told {
    stream: u32,
    /// It should have answered by then.
    deadline: Instant,
}

impl Publisher {
    /// Tells containerd, which listens at `address` (a path, or a URL of one), of what happens in
    /// `namespace`.
    #[must_use]
    pub fn new(address: &str, namespace: &str) -> Self {
        let path = address.strip_prefix("unix://").unwrap_or(address);
        Self {
            address: Some(PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty()),
            namespace: namespace.to_owned(),
            queue: VecDeque::new(),
            state: State::Apart { until: None, delay: SOON },
            connections: 0,
            dropped: 0,
        }
    }

    /// Notes that `event` has happened, now. [`drive`](Self::drive) tells it.
    pub fn publish<T: Named>(&mut self, topic: &str, event: &T) {
        if self.address.is_none() {
            return;
        }
        let envelope = Envelope {
            timestamp: Some(SystemTime::now().into()),
            namespace: self.namespace.clone(),
            topic: topic.to_owned(),
            event: Some(Any::pack(event)),
        };
        let message = ForwardRequest { envelope: Some(envelope) }.encode_to_vec();
        self.queue.push_back(Event { message, is_exit: topic == EXIT, refused: 0 });
        self.make_room();
    }

    /// Does whatever can be done without waiting.
    pub fn drive(&mut self, now: Instant) {
        self.connect(now);
        if self.exchange(now) == Progress::Closed {
            let delay = SOON;
            let until = if self.queue.is_empty() { None } else { Some(now + delay) };
            self.state = State::Apart { until, delay };
        }
    }

    /// containerd has been heard of: the next attempt need not wait.
    pub fn hurry(&mut self) {
        if let State::Apart { until, delay } = &mut self.state {
            (*until, *delay) = (None, SOON);
        }
    }

    /// What the loop should wait for, if there is a connection.
    #[must_use]
    pub fn interest(&self) -> Option<Interest<'_>> {
        let State::Connected { client, .. } = &self.state else {
            return None;
        };
        let (fd, number) = (client.as_fd(), self.connections);
        Some(Interest { fd, number, write: client.wants_write() })
    }

    /// When [`drive`](Self::drive) should be called even if nothing has happened.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Apart { until, .. } => until.filter(|_| !self.queue.is_empty()),
            State::Connected { told, .. } => told.as_ref().map(|told| told.deadline),
        }
    }

    /// How many events wait, and how many were dropped since the start.
    #[must_use]
    pub fn counts(&self) -> (usize, u64) {
        (self.queue.len(), self.dropped)
    }

    /// Drops the oldest event that may be dropped, but for what is being told, if there are too
    /// many.
    fn make_room(&mut self) {
        if self.queue.len() <= MOST {
            return;
        }
        let oldest = self.queue.iter().skip(1).position(|event| !event.is_exit);
        if oldest.and_then(|at| self.queue.remove(at + 1)).is_some() {
            self.dropped += 1;
        }
    }

    fn connect(&mut self, now: Instant) {
        let State::Apart { until, delay } = self.state else {
            return;
        };
        if self.queue.is_empty() || until.is_some_and(|until| now < until) {
            return;
        }
        let Some(address) = &self.address else {
            return;
        };
        let client = resident::connect(address).ok().and_then(|stream| Client::new(stream).ok());
        match client {
            Some(client) => {
                self.connections += 1;
                self.state = State::Connected { client, told: None };
            }
            None => {
                let (until, delay) = (Some(now + delay), (delay * 2).min(LATEST));
                self.state = State::Apart { until, delay };
            }
        }
    }

    /// Hears answers, and tells what is at the front of the queue if nothing is being told.
    fn exchange(&mut self, now: Instant) -> Progress {
        let State::Connected { client, told } = &mut self.state else {
            return Progress::Open;
        };
        let mut answers = Vec::new();
        let progress = client.read(|answer| answers.push(answer));
        let of_it =
            |answer: &&Answer| told.as_ref().is_some_and(|told| told.stream == answer.stream);
        if let Some(answer) = answers.iter().find(of_it) {
            heard(&mut self.queue, &mut self.dropped, answer);
            *told = None;
        }
        if progress == Progress::Closed {
            return Progress::Closed;
        }
        if told.is_none() {
            *told = tell(&mut self.queue, &mut self.dropped, client, (&self.namespace, now));
        }
        let written = client.write();
        let is_late = told.as_ref().is_some_and(|told| told.deadline <= now);
        if is_late { Progress::Closed } else { written }
    }
}

/// Tells containerd what is at the front of the queue.
fn tell(
    queue: &mut VecDeque<Event>,
    dropped: &mut u64,
    client: &mut Client,
    (namespace, now): (&str, Instant),
) -> Option<Told> {
    while let Some(event) = queue.front() {
        let call = client.call(FORWARD, namespace, event.message.clone(), PATIENCE);
        if let Ok(stream) = call {
            return Some(Told { stream, deadline: now + PATIENCE });
        }
        // Nobody will ever take a message of this length.
        queue.pop_front();
        *dropped += 1;
    }
    // Whoever has nothing to say needs no memory.
    *queue = VecDeque::new();
    None
}

/// containerd has answered what is at the front of the queue.
fn heard(queue: &mut VecDeque<Event>, dropped: &mut u64, answer: &Answer) {
    let Some(event) = queue.front_mut() else {
        return;
    };
    event.refused += u32::from(answer.result.is_err());
    let is_taken = answer.result.is_ok();
    if is_taken || event.refused == ATTEMPTS {
        *dropped += u64::from(!is_taken);
        queue.pop_front();
    }
}

#[cfg(test)]
mod tests;
