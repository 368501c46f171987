//! Events, and a containerd that comes, goes, and does not answer. Time is given, not waited for.

use super::*;
use crate::proto::events::{TaskExit, TaskOom};
use crate::ttrpc::{Call, Code, Connection, Status};
use std::fs;
use std::os::unix::net::UnixListener;

/// A containerd that listens at a path of its own.
struct Containerd {
    listener: UnixListener,
    path: PathBuf,
    connection: Option<Connection>,
}

impl Containerd {
    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("events-{}-{name}", std::process::id()))
    }

    fn at(path: PathBuf) -> Self {
        let _left_over = fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener, path, connection: None }
    }

    /// What it is being told, if it is told something.
    fn hear(&mut self) -> Option<Call> {
        if let Ok((stream, _)) = self.listener.accept() {
            self.connection = Some(Connection::new(stream).unwrap());
        }
        let connection = self.connection.as_mut()?;
        let _progress = connection.read();
        connection.next_request()
    }

    fn answer(&mut self, call: &Call, answer: Result<Vec<u8>, Status>) {
        let connection = self.connection.as_mut().unwrap();
        connection.reply(call.stream, answer);
        assert_eq!(connection.write(), Progress::Open);
    }

    /// Hears and accepts all that there is.
    fn all(&mut self, publisher: &mut Publisher, now: Instant) -> Vec<String> {
        let mut heard = Vec::new();
        publisher.drive(now);
        while let Some(call) = self.hear() {
            heard.push(id_of(&call));
            self.answer(&call, Ok(Vec::new()));
            publisher.drive(now);
        }
        heard
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let _removed = fs::remove_file(&self.path);
    }
}

/// Of the container that the event is of.
fn id_of(call: &Call) -> String {
    assert_eq!((call.service.as_str(), call.method.as_str()), FORWARD);
    let envelope = ForwardRequest::decode(call.payload.as_slice()).unwrap().envelope.unwrap();
    assert_eq!(envelope.namespace, "n");
    assert!(envelope.timestamp.is_some_and(|time| time.seconds > 0));
    let event = envelope.event.unwrap();
    match envelope.topic.as_str() {
        EXIT => event.unpack::<TaskExit>().unwrap().unwrap().container_id,
        "/tasks/oom" => event.unpack::<TaskOom>().unwrap().unwrap().container_id,
        topic => panic!("{topic}"),
    }
}

fn exit(publisher: &mut Publisher, id: &str) {
    publisher.publish(EXIT, &TaskExit { container_id: id.to_owned(), ..TaskExit::default() });
}

fn oom(publisher: &mut Publisher, id: &str) {
    publisher.publish("/tasks/oom", &TaskOom { container_id: id.to_owned() });
}

fn publisher(path: &std::path::Path) -> Publisher {
    Publisher::new(&format!("unix://{}", path.display()), "n")
}

#[test]
fn events_are_told_in_order_over_one_connection() {
    let mut containerd = Containerd::at(Containerd::path("order"));
    let mut publisher = publisher(&containerd.path);
    let now = Instant::now();
    for id in ["a", "b", "c"] {
        oom(&mut publisher, id);
    }
    assert_eq!(containerd.all(&mut publisher, now), ["a", "b", "c"]);
    exit(&mut publisher, "d");
    assert_eq!(containerd.all(&mut publisher, now), ["d"]);
    let interest = publisher.interest().unwrap();
    assert_eq!((interest.number, interest.write), (1, false));
    assert_eq!((publisher.counts(), publisher.deadline()), ((0, 0), None));
}

#[test]
fn the_next_event_waits_for_the_answer_to_the_one_before() {
    let mut containerd = Containerd::at(Containerd::path("answer"));
    let mut publisher = publisher(&containerd.path);
    let now = Instant::now();
    oom(&mut publisher, "a");
    oom(&mut publisher, "b");
    publisher.drive(now);
    let first = containerd.hear().unwrap();
    publisher.drive(now);
    assert_eq!(containerd.hear(), None);
    containerd.answer(&first, Ok(Vec::new()));
    assert_eq!(containerd.all(&mut publisher, now), ["b"]);
}

#[test]
fn events_wait_for_a_containerd_that_is_away() {
    let path = Containerd::path("away");
    let _left_over = fs::remove_file(&path);
    let mut publisher = publisher(&path);
    let mut now = Instant::now();
    oom(&mut publisher, "a");
    exit(&mut publisher, "b");
    for _ in 0..100 {
        publisher.drive(now);
        let next = publisher.deadline().unwrap();
        assert!(next > now && next <= now + LATEST);
        now = next;
    }
    let mut containerd = Containerd::at(path);
    assert_eq!(containerd.all(&mut publisher, now), ["a", "b"]);
}

#[test]
fn a_containerd_that_is_heard_of_is_told_at_once() {
    let path = Containerd::path("hurry");
    let _left_over = fs::remove_file(&path);
    let mut publisher = publisher(&path);
    let now = Instant::now();
    exit(&mut publisher, "a");
    publisher.drive(now);
    let mut containerd = Containerd::at(path);
    assert_eq!(containerd.all(&mut publisher, now), [""; 0]);
    publisher.hurry();
    assert_eq!(containerd.all(&mut publisher, now), ["a"]);
}

#[test]
fn what_was_not_answered_is_told_again() {
    let path = Containerd::path("restart");
    let mut containerd = Containerd::at(path.clone());
    let mut publisher = publisher(&path);
    let now = Instant::now();
    exit(&mut publisher, "a");
    oom(&mut publisher, "b");
    publisher.drive(now);
    assert_eq!(id_of(&containerd.hear().unwrap()), "a");
    drop(containerd);
    publisher.drive(now);
    assert!(publisher.interest().is_none());
    let mut containerd = Containerd::at(path);
    let again = publisher.deadline().unwrap();
    assert_eq!(containerd.all(&mut publisher, again), ["a", "b"]);
    assert_eq!(publisher.interest().unwrap().number, 2);
}

#[test]
fn a_containerd_that_does_not_answer_is_called_again() {
    let mut containerd = Containerd::at(Containerd::path("deaf"));
    let mut publisher = publisher(&containerd.path);
    let now = Instant::now();
    exit(&mut publisher, "a");
    publisher.drive(now);
    assert_eq!(id_of(&containerd.hear().unwrap()), "a");
    let late = publisher.deadline().unwrap();
    assert_eq!(late, now + PATIENCE);
    publisher.drive(late);
    let again = publisher.deadline().unwrap();
    assert_eq!(containerd.all(&mut publisher, again), ["a"]);
}

#[test]
fn what_containerd_refuses_again_and_again_is_dropped() {
    let mut containerd = Containerd::at(Containerd::path("refused"));
    let mut publisher = publisher(&containerd.path);
    let now = Instant::now();
    exit(&mut publisher, "bad");
    exit(&mut publisher, "good");
    for _ in 0..ATTEMPTS {
        publisher.drive(now);
        let call = containerd.hear().unwrap();
        assert_eq!(id_of(&call), "bad");
        containerd.answer(&call, Err(Status::new(Code::InvalidArgument, "no")));
    }
    assert_eq!(containerd.all(&mut publisher, now), ["good"]);
    assert_eq!(publisher.counts(), (0, 1));
}

#[test]
fn too_many_events_cost_the_oldest_but_never_an_exit() {
    let path = Containerd::path("many");
    let _left_over = fs::remove_file(&path);
    let mut publisher = publisher(&path);
    exit(&mut publisher, "first");
    for at in 0..MOST {
        oom(&mut publisher, &at.to_string());
    }
    assert_eq!(publisher.counts(), (MOST, 1));
    for at in 0..MOST {
        exit(&mut publisher, &format!("exit {at}"));
    }
    assert_eq!(publisher.counts(), (MOST + 1, MOST as u64));
    let now = Instant::now();
    let mut containerd = Containerd::at(path);
    publisher.hurry();
    let heard = containerd.all(&mut publisher, now);
    assert_eq!((heard[0].as_str(), heard.len()), ("first", MOST + 1));
    assert!(heard[1..].iter().enumerate().all(|(at, id)| *id == format!("exit {at}")));
}

#[test]
fn nobody_is_told_where_nobody_listens() {
    let mut publisher = Publisher::new("", "n");
    exit(&mut publisher, "a");
    publisher.drive(Instant::now());
    assert!(publisher.deadline().is_none() && publisher.interest().is_none());
    assert_eq!(publisher.counts(), (0, 0));
}
