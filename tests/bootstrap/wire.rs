//! The frames of calls, well formed and not.

use crate::shim::{Bundle, path_in};
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use tests::DEADLINE;

/// gRPC's codes.
const INVALID_ARGUMENT: u8 = 3;
const RESOURCE_EXHAUSTED: u8 = 8;
const UNIMPLEMENTED: u8 = 12;

const LIMIT: u32 = 4 << 20;

/// What containerd is to a shim.
#[derive(Debug)]
pub(crate) struct Client(UnixStream);

impl Client {
    pub(crate) fn connect(path: &Path) -> Result<Self> {
        let stream = UnixStream::connect(path).with_context(|| path.display().to_string())?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(Self(stream))
    }

    /// Makes a call without a message.
    pub(crate) fn call(&mut self, stream: u32, service: &str, method: &str) -> Result<()> {
        self.send(&request(stream, service, method)?)
    }

    /// Makes a call that nobody knows, and waits for the answer.
    pub(crate) fn greet(&mut self) -> Result<()> {
        self.call(1, "", "")?;
        self.refused().map(drop)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.0.write_all(bytes)?)
    }

    /// The next frame: its stream, its type and its message.
    pub(crate) fn receive(&mut self) -> Result<(u32, u8, Vec<u8>)> {
        let mut header = [0; 10];
        self.0.read_exact(&mut header)?;
        let [l0, l1, l2, l3, s0, s1, s2, s3, kind, _] = header;
        let mut body = vec![0; usize::try_from(u32::from_be_bytes([l0, l1, l2, l3]))?];
        self.0.read_exact(&mut body)?;
        Ok((u32::from_be_bytes([s0, s1, s2, s3]), kind, body))
    }

    /// The stream of the next answer, and its code, which is the first field of its first field.
    fn refused(&mut self) -> Result<(u32, u8)> {
        let (stream, kind, body) = self.receive()?;
        assert_eq!(kind, 2);
        let [0x0a, _, 0x08, code, ..] = body[..] else { bail!("not an error: {body:?}") };
        Ok((stream, code))
    }
}

/// A field of a protobuf message: a string, or another message.
pub(crate) fn field(number: u8, bytes: &[u8]) -> Result<Vec<u8>> {
    Ok([&[number << 3 | 2, u8::try_from(bytes.len())?], bytes].concat())
}

/// A frame with a request that has no message.
fn request(stream: u32, service: &str, method: &str) -> Result<Vec<u8>> {
    let body = [field(1, service.as_bytes())?, field(2, method.as_bytes())?].concat();
    Ok([header(u32::try_from(body.len())?, stream, 1).to_vec(), body].concat())
}

fn header(len: u32, stream: u32, kind: u8) -> [u8; 10] {
    let ([l0, l1, l2, l3], [s0, s1, s2, s3]) = (len.to_be_bytes(), stream.to_be_bytes());
    [l0, l1, l2, l3, s0, s1, s2, s3, kind, 0]
}

fn connected() -> Result<(Bundle, Client)> {
    let bundle = Bundle::new()?;
    let path = path_in(&bundle.started(b"")?)?;
    let client = Client::connect(&path)?;
    Ok((bundle, client))
}

/// With that answer containerd goes back to version 2 of the interface.
#[test]
fn an_unknown_service_or_method_is_unimplemented() -> Result<()> {
    let (_bundle, mut client) = connected()?;
    let calls = [
        ("containerd.task.v4.Task", "State"),
        ("containerd.task.v3.Task", "Fly"),
        ("containerd.task.v2.Task", "Events"),
        ("", ""),
    ];
    for (stream, (service, method)) in (1..).step_by(2).zip(calls) {
        client.call(stream, service, method)?;
        assert_eq!(client.refused()?, (stream, UNIMPLEMENTED), "{service}/{method}");
    }
    Ok(())
}

#[test]
fn both_versions_of_the_task_service_are_there() -> Result<()> {
    let (_bundle, mut client) = connected()?;
    for (stream, version) in [(1, 2), (3, 3)] {
        let service = format!("containerd.task.v{version}.Task");
        client.call(stream, &service, "State")?;
        let (answered, code) = client.refused()?;
        // There is no such task.
        assert_eq!((answered, code), (stream, 5));
    }
    Ok(())
}

#[test]
fn a_message_that_is_too_long_is_refused_and_the_next_one_answered() -> Result<()> {
    let (_bundle, mut client) = connected()?;
    client.send(&header(LIMIT + 1, 1, 1))?;
    client.send(&vec![0x7f; usize::try_from(LIMIT + 1)?])?;
    client.call(3, "x", "y")?;
    assert_eq!(client.refused()?, (1, RESOURCE_EXHAUSTED));
    assert_eq!(client.refused()?, (3, UNIMPLEMENTED));
    Ok(())
}

#[test]
fn a_request_may_come_byte_by_byte() -> Result<()> {
    let (_bundle, mut client) = connected()?;
    for byte in request(1, "containerd.task.v3.Task", "Fly")? {
        client.send(&[byte])?;
    }
    assert_eq!(client.refused()?, (1, UNIMPLEMENTED));
    Ok(())
}

#[test]
fn a_thousand_requests_at_once_have_a_thousand_answers() -> Result<()> {
    let (_bundle, mut client) = connected()?;
    let streams = || (1..2000).step_by(2);
    let requests: Result<Vec<_>> = streams().map(|at| request(at, "x", "y")).collect();
    client.send(&requests?.concat())?;
    let mut answered = Vec::new();
    for _ in streams() {
        answered.push(client.refused()?.0);
    }
    answered.sort_unstable();
    assert_eq!(answered, streams().collect::<Vec<_>>());
    Ok(())
}

#[test]
fn streams_are_odd_and_rise() -> Result<()> {
    let (_bundle, mut client) = connected()?;
    for (stream, code) in [
        (2, INVALID_ARGUMENT),
        (5, UNIMPLEMENTED),
        (5, INVALID_ARGUMENT),
        (3, INVALID_ARGUMENT),
        (7, UNIMPLEMENTED),
    ] {
        client.call(stream, "x", "y")?;
        assert_eq!(client.refused()?, (stream, code));
    }
    // Not a request at all.
    client.send(&[&header(2, 9, 1)[..], b"\xff\xff"].concat())?;
    assert_eq!(client.refused()?, (9, INVALID_ARGUMENT));
    Ok(())
}

#[test]
fn what_is_not_a_request_is_passed_over() -> Result<()> {
    let (_bundle, mut client) = connected()?;
    for kind in [0, 2, 3, 200] {
        client.send(&[&header(3, 1, kind)[..], b"abc"].concat())?;
    }
    client.call(1, "x", "y")?;
    assert_eq!(client.refused()?, (1, UNIMPLEMENTED));
    Ok(())
}

/// It reads nothing, and its answers pile up: others are served all the same.
#[test]
fn a_client_that_does_not_read_keeps_nobody_waiting() -> Result<()> {
    let bundle = Bundle::new()?;
    let path = path_in(&bundle.started(b"")?)?;
    let (mut deaf, mut other) = (Client::connect(&path)?, Client::connect(&path)?);
    deaf.0.set_nonblocking(true)?;
    let mut stream = 1;
    loop {
        let requests: Result<Vec<_>> =
            (0..500).map(|at| request(stream + 2 * at, "x", "y")).collect();
        stream += 1000;
        // The shim has stopped reading from it.
        if deaf.send(&requests?.concat()).is_err() {
            break;
        }
    }
    for stream in [1, 3, 5] {
        other.call(stream, "x", "y")?;
        assert_eq!(other.refused()?, (stream, UNIMPLEMENTED));
    }
    Ok(())
}

#[test]
fn a_shim_without_a_task_answers_shutdown_and_leaves_no_socket() -> Result<()> {
    let bundle = Bundle::new()?;
    let path = path_in(&bundle.started(b"")?)?;
    let mut client = Client::connect(&path)?;
    let shim = bundle.shim()?.context("no shim")?;
    client.call(1, "containerd.task.v3.Task", "Shutdown")?;
    let (stream, kind, _) = client.receive()?;
    assert_eq!((stream, kind), (1, 2));
    drop(client);
    assert!(shim.ends_within(DEADLINE)?);
    assert!(!path.exists());
    Ok(())
}
