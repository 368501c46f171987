//! The system bus: one call at a time over its Unix socket, each with an end. zbus's wire format
//! says what the bytes mean; its connections would bring an executor and a thread.

use crate::sys::{self, Errno, file, poll};
use serde::de::DeserializeOwned;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Instant;
use zbus::wire::serialized::{Context, Data};
use zbus::wire::{LE, to_bytes};
use zbus::{DynamicType, ObjectPath, Signature, Type, Variant};

/// Where the bus listens if the environment does not say otherwise (D-Bus specification, "System
/// message bus").
const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";

/// The bus itself.
const DBUS: Peer<'_> = Peer {
    name: "org.freedesktop.DBus",
    object: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
};

/// Types of messages (D-Bus specification, "Message Types").
const METHOD_CALL: u8 = 1;
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;
const SIGNAL: u8 = 4;

/// Fields of a header (D-Bus specification, "Header Fields").
const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SIGNATURE: u8 = 8;

/// The part of a header that is always there, and the length of the fields that follow.
const FIXED: usize = 16;

/// The longest message that the specification allows.
const LONGEST: usize = 128 << 20;

/// Why a call came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// Whoever was called says no.
    Refused { name: String, message: String },
    /// No bus, or one that does not speak as it should.
    Broken(String),
    /// It has not answered in time.
    Late,
}

pub(super) type Result<T> = std::result::Result<T, Failure>;

impl From<zbus::Error> for Failure {
    fn from(error: zbus::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Who is called, and on which of its objects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer<'a> {
    pub(super) name: &'a str,
    pub(super) object: &'a str,
    pub(super) interface: &'a str,
}

/// The contents of a message.
#[derive(Debug)]
pub(super) struct Body(Data<'static, 'static>);

impl Body {
    pub(super) fn read<T: DeserializeOwned + Type>(&self) -> Result<T> {
        Ok(self.0.deserialize()?.0)
    }
}

/// A message that came.
#[derive(Debug)]
struct Incoming {
    kind: u8,
    reply_to: Option<u32>,
    member: Option<String>,
    error: Option<String>,
    body: Body,
}

/// A connection to the system bus.
#[derive(Debug)]
pub(super) struct Bus {
    stream: UnixStream,
    deadline: Instant,
    serial: u32,
    received: Vec<u8>,
    /// Signals that came while an answer was waited for.
    signals: VecDeque<Incoming>,
}

impl Bus {
    /// Connects; whatever is done over this connection ends at `deadline`.
    pub(super) fn connect(deadline: Instant) -> Result<Self> {
        let path = address()?;
        let stream = UnixStream::connect(&path)
            .map_err(|error| Failure::Broken(format!("{}: {error}", path.display())))?;
        stream.set_nonblocking(true)?;
        let signals = VecDeque::new();
        let mut bus = Self { stream, deadline, serial: 0, received: Vec::new(), signals };
        bus.authenticate()?;
        bus.call(DBUS, "Hello", &())?;
        Ok(bus)
    }

    /// Has the bus pass on the signals that `rule` is about.
    pub(super) fn listen(&mut self, rule: &str) -> Result<()> {
        self.call(DBUS, "AddMatch", &rule).map(drop)
    }

    /// Calls a method and waits for the answer.
    pub(super) fn call<B>(&mut self, peer: Peer<'_>, method: &str, body: &B) -> Result<Body>
    where
        B: Serialize + DynamicType,
    {
        self.serial += 1;
        let serial = self.serial;
        let message = method_call(serial, peer, method, body)?;
        self.send(&message)?;
        loop {
            let incoming = self.receive()?;
            match incoming.kind {
                METHOD_RETURN if incoming.reply_to == Some(serial) => return Ok(incoming.body),
                ERROR if incoming.reply_to == Some(serial) => {
                    let message = incoming.body.read().unwrap_or_default();
                    return Err(Failure::Refused {
                        name: incoming.error.unwrap_or_default(),
                        message,
                    });
                }
                SIGNAL => self.signals.push_back(incoming),
                _ => {}
            }
        }
    }

    /// Waits for a signal of that name for which `wanted` has an answer.
    pub(super) fn wait_for<T>(
        &mut self,
        name: &str,
        wanted: impl Fn(&Body) -> Option<T>,
    ) -> Result<T> {
        loop {
            let incoming = match self.signals.pop_front() {
                Some(signal) => signal,
                None => self.receive()?,
            };
            if incoming.kind == SIGNAL
                && incoming.member.as_deref() == Some(name)
                && let Some(answer) = wanted(&incoming.body)
            {
                return Ok(answer);
            }
        }
    }

    /// D-Bus specification, "Authentication Protocol": who we are is what the kernel says.
    fn authenticate(&mut self) -> Result<()> {
        let uid = file::effective_uid().to_string();
        let hex: String = uid.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.send(format!("\0AUTH EXTERNAL {hex}\r\n").as_bytes())?;
        let end = loop {
            if let Some(end) = self.received.windows(2).position(|end| end == b"\r\n") {
                break end;
            }
            self.receive_some()?;
        };
        let line: Vec<u8> = self.received.drain(..end + 2).collect();
        if !line.starts_with(b"OK ") {
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            return Err(Failure::Broken(format!("authentication: {line}")));
        }
        self.send(b"BEGIN\r\n")
    }

    fn send(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nobody who reads what it is sent lets a call be too long for its socket.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(Failure::Late),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<Incoming> {
        loop {
            if let Some(length) = length(&self.received)?
                && self.received.len() >= length
            {
                let bytes: Vec<u8> = self.received.drain(..length).collect();
                return parse(bytes);
            }
            self.receive_some()?;
        }
    }

    fn receive_some(&mut self) -> Result<()> {
        let broken = |error: sys::Error| Failure::Broken(error.to_string());
        let fd = self.stream.as_fd();
        if !poll::readable(&[fd], Some(self.deadline)).map_err(broken)?[0] {
            return Err(Failure::Late);
        }
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(Failure::Broken("the bus has closed the connection".to_owned())),
            Ok(read) => {
                self.received.extend_from_slice(&chunk[..read]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// D-Bus specification, "Server Addresses": of the first that is a path.
fn address() -> Result<PathBuf> {
    let Ok(addresses) = std::env::var("DBUS_SYSTEM_BUS_ADDRESS") else {
        return Ok(SYSTEM_BUS.into());
    };
    let paths = addresses.split(';').filter_map(|one| one.strip_prefix("unix:"));
    let path = paths.flat_map(|keys| keys.split(',')).find_map(|key| key.strip_prefix("path="));
    let unknown = || Failure::Broken(format!("DBUS_SYSTEM_BUS_ADDRESS: {addresses}: no path"));
    path.map(PathBuf::from).ok_or_else(unknown)
}

/// The signature of a body, in a header: that of a structure without its parentheses.
#[derive(Debug)]
enum Field<'a> {
    Value(Variant<'a>),
    Signature(String),
}

impl Type for Field<'_> {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Signature(signature) => {
                let mut variant = serializer.serialize_struct("Variant", 2)?;
                variant.serialize_field("signature", &Signature::Signature)?;
                variant.serialize_field("value", signature)?;
                variant.end()
            }
        }
    }
}

fn method_call<B>(serial: u32, peer: Peer<'_>, method: &str, body: &B) -> Result<Vec<u8>>
where
    B: Serialize + DynamicType,
{
    let context = Context::new(LE, 0);
    let contents = to_bytes(context, body)?;
    let too_long = |_| Failure::Broken("a call that is too long".to_owned());
    let length = u32::try_from(contents.len()).map_err(too_long)?;
    let text = |text| Field::Value(Variant::new(text));
    let object = ObjectPath::try_from(peer.object)?;
    let mut fields = vec![
        (PATH, Field::Value(Variant::new(object))),
        (INTERFACE, text(peer.interface)),
        (MEMBER, text(method)),
        (DESTINATION, text(peer.name)),
    ];
    if length > 0 {
        fields.push((SIGNATURE, Field::Signature(body.signature().to_string_no_parens())));
    }
    let header = to_bytes(context, &(b'l', METHOD_CALL, 0_u8, 1_u8, length, serial, fields))?;
    let mut message = header.to_vec();
    message.resize(message.len().next_multiple_of(8), 0);
    message.extend_from_slice(&contents);
    Ok(message)
}

/// How long the message is that begins here, if that can be said already.
fn length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some(fixed) = bytes.first_chunk::<FIXED>() else { return Ok(None) };
    if fixed[0] != b'l' {
        return Err(Failure::Broken(Errno::EBADMSG.to_string()));
    }
    let number = |at: usize| -> usize {
        let four = [fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]];
        u32::from_le_bytes(four).try_into().unwrap_or(usize::MAX)
    };
    let header = number(12).saturating_add(FIXED).checked_next_multiple_of(8);
    let length = header.and_then(|header| header.checked_add(number(4)));
    match length.filter(|length| *length <= LONGEST) {
        Some(length) => Ok(Some(length)),
        None => Err(Failure::Broken(Errno::EMSGSIZE.to_string())),
    }
}

fn parse(bytes: Vec<u8>) -> Result<Incoming> {
    type Header<'a> = (u8, u8, u8, u8, u32, u32, Vec<(u8, Variant<'a>)>);
    let whole = Data::new(bytes, Context::new(LE, 0));
    let ((_, kind, _, _, _, _, fields), end): (Header<'_>, usize) = whole.deserialize()?;
    let mut incoming = Incoming {
        kind,
        reply_to: None,
        member: None,
        error: None,
        body: Body(whole.slice(end.next_multiple_of(8)..)),
    };
    for (code, value) in fields {
        match (code, value) {
            (REPLY_SERIAL, Variant::U32(serial)) => incoming.reply_to = Some(serial),
            (MEMBER, Variant::Str(name)) => incoming.member = Some(name.to_string()),
            (ERROR_NAME, Variant::Str(name)) => incoming.error = Some(name.to_string()),
            _ => {}
        }
    }
    Ok(incoming)
}
