//! A client and a server, over a real socket.

use super::*;
use std::os::unix::net::UnixStream;
use std::time::Duration;

const TARGET: (&str, &str) = ("a.Service", "Call");

fn pair() -> (Client, Connection) {
    let (client, server) = UnixStream::pair().unwrap();
    (Client::new(client).unwrap(), Connection::new(server).unwrap())
}

fn call(client: &mut Client, payload: &[u8]) -> u32 {
    client.call(TARGET, "k8s.io", payload.to_vec(), Duration::from_secs(2)).unwrap()
}

fn answers(client: &mut Client) -> Vec<Answer> {
    let mut answers = Vec::new();
    assert_eq!(client.read(|answer| answers.push(answer)), Progress::Open);
    answers
}

#[test]
fn a_call_arrives_with_all_that_it_says() {
    let (mut client, mut server) = pair();
    assert_eq!(server.read(), Progress::Open);
    let stream = call(&mut client, b"x");
    assert_eq!(client.write(), Progress::Open);
    assert_eq!(server.read(), Progress::Open);
    let wanted = Call {
        stream,
        service: "a.Service".to_owned(),
        method: "Call".to_owned(),
        payload: b"x".to_vec(),
        timeout: Some(Duration::from_secs(2)),
        namespace: Some("k8s.io".to_owned()),
    };
    assert_eq!(server.next_request(), Some(wanted));
    assert_eq!(server.next_request(), None);
}

#[test]
fn answers_go_in_any_order_to_whom_they_are_for() {
    let (mut client, mut server) = pair();
    let streams = [b"a", b"b", b"c"].map(|payload| call(&mut client, payload));
    assert_eq!(client.write(), Progress::Open);
    assert_eq!(server.read(), Progress::Open);
    let calls: Vec<_> = std::iter::from_fn(|| server.next_request()).collect();
    assert_eq!(calls.iter().map(|call| call.stream).collect::<Vec<_>>(), streams);
    server.reply(calls[2].stream, Ok(calls[2].payload.clone()));
    server.reply(calls[0].stream, Err(Status::new(Code::NotFound, "gone")));
    assert_eq!(server.write(), Progress::Open);
    let early = answers(&mut client);
    assert_eq!(early[0], Answer { stream: streams[2], result: Ok(b"c".to_vec()) });
    let gone = Err(Status::new(Code::NotFound, "gone"));
    assert_eq!(early[1..], [Answer { stream: streams[0], result: gone }]);
    // As the answer to Wait, which comes when it comes.
    server.reply(calls[1].stream, Ok(Vec::new()));
    assert_eq!(server.write(), Progress::Open);
    assert_eq!(answers(&mut client), [Answer { stream: streams[1], result: Ok(Vec::new()) }]);
}

#[test]
fn an_answer_that_is_too_long_is_an_error_instead() {
    let (mut client, mut server) = pair();
    call(&mut client, b"");
    assert_eq!(client.write(), Progress::Open);
    assert_eq!(server.read(), Progress::Open);
    let stream = server.next_request().unwrap().stream;
    server.reply(stream, Ok(vec![0; frame::LIMIT]));
    assert_eq!(server.write(), Progress::Open);
    let refused = answers(&mut client).remove(0).result.unwrap_err();
    assert_eq!(refused.code, Code::ResourceExhausted);
    client.call(TARGET, "n", vec![0; frame::LIMIT], Duration::ZERO).unwrap_err();
}

#[test]
fn whoever_does_not_read_is_not_read_from_and_given_up_at_last() {
    let (mut client, mut server) = pair();
    for _ in 0..20 {
        call(&mut client, b"");
    }
    assert_eq!(client.write(), Progress::Open);
    assert_eq!(server.read(), Progress::Open);
    let mut calls: Vec<_> = std::iter::from_fn(|| server.next_request()).collect();
    let last = calls.split_off(2);
    for call in calls {
        server.reply(call.stream, Ok(vec![0; 2 << 20]));
    }
    assert_eq!(server.write(), Progress::Open);
    assert!(server.wants_write() && !server.wants_read());
    call(&mut client, b"");
    assert_eq!(client.write(), Progress::Open);
    assert_eq!(server.read(), Progress::Open);
    assert_eq!(server.next_request(), None);
    for call in last {
        server.reply(call.stream, Ok(vec![0; 2 << 20]));
    }
    assert_eq!(server.progress(), Progress::Closed);
    assert!(!server.wants_write());
}

#[test]
fn what_was_asked_before_the_end_is_still_there() {
    let (mut client, mut server) = pair();
    call(&mut client, b"last");
    assert_eq!(client.write(), Progress::Open);
    drop(client);
    // In one read or in the next.
    while server.read() == Progress::Open {}
    assert_eq!(server.next_request().unwrap().payload, b"last");
    server.reply(1, Ok(Vec::new()));
    assert_eq!(server.write(), Progress::Closed);
}

#[test]
fn an_answer_to_whom_is_gone_is_no_signal() {
    let (mut client, mut server) = pair();
    call(&mut client, b"");
    assert_eq!(client.write(), Progress::Open);
    assert_eq!(server.read(), Progress::Open);
    drop(client);
    server.reply(1, Ok(Vec::new()));
    assert_eq!(server.write(), Progress::Closed);
}
