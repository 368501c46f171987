//! Cgroups that systemd makes: scopes, transient units for processes that somebody else has
//! started. systemd owns the hierarchy above them and removes a scope when its last process ends,
//! so nothing but its beginning and its limits needs a word to it.
//!
//! A scope has a process from the start. That is a placeholder, which waits in it until the
//! container's first process is born beside it: none is ever moved.

mod bus;

use super::create::NewCgroup;
use super::{CgroupPlan, Hierarchy};
use crate::error::{Doing, Error, Result};
use crate::plan::cgroup::scope::{self, Property, Scope, Value};
use crate::sys::process::{self, Birth, Child, CloneFlags, Cloned, clone3};
use crate::sys::{file, socket};
use bus::{Bus, Failure, Peer};
use serde::Serialize;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};
use zbus::{DynamicType, OwnedObjectPath, OwnedVariant, Variant};

/// systemd answers in a millisecond; on a machine that is just starting it may have other things
/// to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// There if and only if systemd is PID 1 (`sd_booted(3)`).
const BOOTED: &str = "/run/systemd/system";

const MANAGER: Peer<'_> = Peer {
    name: "org.freedesktop.systemd1",
    object: "/org/freedesktop/systemd1",
    interface: "org.freedesktop.systemd1.Manager",
};

/// Where systemd is asked for something, in an error.
const FIELD: &str = "--systemd-cgroup";

type Properties<'a> = Vec<(&'a str, Variant<'a>)>;

impl Hierarchy {
    /// Has systemd make the scope, which must not be there yet, with the early limits of `plan`.
    ///
    /// The scope lives as long as it has a process: until the container's first one is born in it,
    /// that is the placeholder.
    pub(crate) fn start_scope(
        &self,
        scope: &Scope,
        plan: &CgroupPlan,
        asked: &[Property],
    ) -> Result<(NewCgroup, Placeholder)> {
        let mut systemd = Systemd::connect()?;
        let placeholder = Placeholder::start()?;
        let early = scope::properties(&plan.early);
        let properties: Vec<_> = early.iter().chain(asked).collect();
        let pid = placeholder.child.pid;
        if systemd.start(scope, pid, &properties)? == Started::Exists {
            // One that has ended, which systemd has not seen yet?
            systemd.end_if_empty(self, &scope.name)?;
            if systemd.start(scope, pid, &properties)? == Started::Exists {
                let message = format!("systemd has a unit {} already", scope.name);
                return Err(Error::AlreadyExists(message));
            }
        }
        let path = systemd.cgroup_of(&scope.name)?.unwrap_or_default();
        self.enable(&path, plan)?;
        let cgroup = self.adopt(&path)?;
        cgroup.write_all(&plan.early)?;
        Ok((cgroup, placeholder))
    }
}

/// Gives a scope limits that it keeps until it ends.
pub(crate) fn set_limits(unit: &str, plan: &CgroupPlan) -> Result<()> {
    let limits = plan.early.iter().chain(&plan.late);
    let properties = scope::properties(limits);
    set(unit, &properties)
}

/// Likewise, for those that a new scope is given last.
pub(crate) fn set_late_limits(scope: &Scope, plan: &CgroupPlan) -> Result<()> {
    set(&scope.name, &scope::properties(&plan.late))
}

/// Has systemd forget a scope whose processes have ended. It would do so itself, but in its own
/// time; until then nobody can have a scope of that name.
pub(crate) fn forget(hierarchy: &Hierarchy, unit: &str) -> Result<()> {
    Systemd::connect()?.end_if_empty(hierarchy, unit)
}

fn set(unit: &str, properties: &[Property]) -> Result<()> {
    if properties.is_empty() {
        return Ok(());
    }
    let mut systemd = Systemd::connect()?;
    let properties: Vec<_> = properties.iter().collect();
    let properties = systemd.known(&properties);
    let runtime = true;
    systemd.call("SetUnitProperties", &(unit, runtime, properties))
}

/// What came of asking for a scope.
#[derive(Debug, PartialEq, Eq)]
enum Started {
    Now,
    /// There is one of that name.
    Exists,
}

/// systemd, over the system bus.
#[derive(Debug)]
struct Systemd {
    bus: Bus,
    version: u32,
}

impl Systemd {
    fn connect() -> Result<Self> {
        if !Path::new(BOOTED).is_dir() {
            let reason = format!("systemd is not running here: there is no {BOOTED}");
            return Err(Error::unsupported(FIELD, reason));
        }
        let bus = Bus::connect(Instant::now() + PATIENCE).map_err(|error| explain("", &error))?;
        let mut systemd = Self { bus, version: 0 };
        let version: String = systemd.property(MANAGER, "Version")?;
        let digits = version.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
        systemd.version = digits[..end].parse().unwrap_or(0);
        Ok(systemd)
    }

    /// Starts the scope with `pid` in it, and waits until it has started.
    fn start(&mut self, scope: &Scope, pid: i32, limits: &[&Property]) -> Result<Started> {
        let pids = vec![pid.cast_unsigned()];
        let mut properties: Properties<'_> = vec![
            ("Description", Variant::new(format!("container {}", scope.name))),
            ("Slice", Variant::new(scope.slice.as_str())),
            ("PIDs", Variant::new(pids)),
            ("Delegate", Variant::new(true)),
            ("DefaultDependencies", Variant::new(false)),
            // Nothing is left of it, however it ends.
            ("CollectMode", Variant::new("inactive-or-failed")),
        ];
        for name in ["CPUAccounting", "IOAccounting", "MemoryAccounting", "TasksAccounting"] {
            properties.push((name, Variant::new(true)));
        }
        for (name, value) in self.known(limits) {
            properties.retain(|(known, _)| *known != name);
            properties.push((name, value));
        }
        let auxiliary: Vec<(&str, Properties<'_>)> = Vec::new();
        let call = (scope.name.as_str(), "fail", properties, auxiliary);
        match self.run_job("StartTransientUnit", &call) {
            Ok(result) if result == "done" => Ok(Started::Now),
            Ok(result) => {
                let reason = format!("systemd could not start {}: {result}", scope.name);
                Err(Error::unsupported(FIELD, reason))
            }
            Err(Failure::Refused { name, .. }) if name.ends_with(".UnitExists") => {
                Ok(Started::Exists)
            }
            Err(error) => Err(explain("StartTransientUnit", &error)),
        }
    }

    fn end_if_empty(&mut self, hierarchy: &Hierarchy, unit: &str) -> Result<()> {
        let Some(path) = self.cgroup_of(unit)? else { return Ok(()) };
        if hierarchy.is_populated(&path)? {
            return Ok(());
        }
        match self.run_job("StopUnit", &(unit, "fail")) {
            Err(error) if !is_missing(&error) => Err(explain("StopUnit", &error)),
            // However that job ends: what has no process is no scope.
            _ => Ok(()),
        }
    }

    /// Calls a method that begins a job, and waits for its end; answers with its result.
    fn run_job<B>(&mut self, method: &str, body: &B) -> bus::Result<String>
    where
        B: Serialize + DynamicType,
    {
        // Before the job exists: one that ends at once has ended before its number is known.
        self.bus.listen(&format!(
            "type='signal',sender='{}',interface='{}',member='JobRemoved'",
            MANAGER.name, MANAGER.interface
        ))?;
        let job: OwnedObjectPath = self.bus.call(MANAGER, method, body)?.read()?;
        self.bus.wait_for("JobRemoved", |body| {
            let (_, ended, _, result): (u32, OwnedObjectPath, String, String) = body.read().ok()?;
            (ended == job).then_some(result)
        })
    }

    /// The path of the scope's cgroup; `None` if there is no such scope.
    fn cgroup_of(&mut self, unit: &str) -> Result<Option<String>> {
        let unit = self.bus.call(MANAGER, "GetUnit", &unit).and_then(|body| body.read());
        let unit: OwnedObjectPath = match unit {
            Err(error) if is_missing(&error) => return Ok(None),
            unit => unit.map_err(|error| explain("GetUnit", &error))?,
        };
        let object = unit.to_string();
        let peer = Peer { object: &object, interface: "org.freedesktop.systemd1.Scope", ..MANAGER };
        self.property(peer, "ControlGroup").map(Some)
    }

    /// Those that this version has, as it takes them.
    fn known<'p>(&self, properties: &[&'p Property]) -> Properties<'p> {
        let has = |property: &&&Property| property.since <= self.version;
        let known = properties.iter().filter(has);
        known.map(|property| (property.name.as_str(), variant(&property.value))).collect()
    }

    fn property<T>(&mut self, peer: Peer<'_>, name: &str) -> Result<T>
    where
        T: TryFrom<OwnedVariant>,
    {
        let properties = Peer { interface: "org.freedesktop.DBus.Properties", ..peer };
        let value = self.bus.call(properties, "Get", &(peer.interface, name));
        let value: OwnedVariant =
            value.and_then(|body| body.read()).map_err(|error| explain(name, &error))?;
        let odd = |_| explain(name, &Failure::Broken("of another type".to_owned()));
        value.try_into().map_err(odd)
    }

    fn call<T>(&mut self, method: &str, body: &(impl Serialize + DynamicType)) -> Result<T>
    where
        T: serde::de::DeserializeOwned + zbus::Type,
    {
        let answer = self.bus.call(MANAGER, method, body);
        answer.and_then(|body| body.read()).map_err(|error| explain(method, &error))
    }
}

fn is_missing(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused { name, .. } if name.ends_with(".NoSuchUnit"))
}

fn variant(value: &Value) -> Variant<'_> {
    match value {
        Value::Bool(value) => Variant::new(*value),
        Value::U32(value) => Variant::new(*value),
        Value::U64(value) => Variant::new(*value),
        Value::I32(value) => Variant::new(*value),
        Value::I64(value) => Variant::new(*value),
        Value::F64(value) => Variant::new(*value),
        Value::Text(text) => Variant::new(text.as_str()),
        Value::Texts(texts) => Variant::new(texts.clone()),
        Value::Bytes(bytes) => Variant::new(bytes.clone()),
    }
}

fn explain(what: &str, failure: &Failure) -> Error {
    let during = if what.is_empty() { String::new() } else { format!("{what}: ") };
    match failure {
        Failure::Refused { name, message } => {
            Error::unsupported(FIELD, format!("systemd: {during}{message} ({name})"))
        }
        Failure::Broken(reason) => Error::unsupported(FIELD, format!("D-Bus: {during}{reason}")),
        Failure::Late => {
            Error::Timeout(format!("{FIELD}: D-Bus: {during}no answer within {PATIENCE:?}"))
        }
    }
}

/// A process that does nothing, and ends with its maker.
#[derive(Debug)]
#[must_use]
pub(crate) struct Placeholder {
    /// Whose end is the process's.
    link: Option<OwnedFd>,
    child: Child,
}

impl Placeholder {
    fn start() -> Result<Self> {
        let doing = || "a process for the scope".to_owned();
        let (ours, theirs) = socket::pair().doing(doing)?;
        match clone3(Birth { flags: CloneFlags::empty(), cgroup: None }).doing(doing)? {
            Cloned::Parent(child) => Ok(Self { link: Some(ours), child }),
            Cloned::Child => {
                let theirs = file::lift(theirs);
                if let Ok(theirs) = &theirs {
                    let kept = file::close_all_but(0, &mut [theirs.as_raw_fd()]);
                    let _end = kept.and_then(|()| socket::recv(theirs.as_fd(), &mut [0]));
                }
                process::exit_now(0)
            }
        }
    }
}

impl Drop for Placeholder {
    fn drop(&mut self) {
        drop(self.link.take());
        // It ends at once, and is nobody else's to reap.
        let _status = process::wait(self.child.as_fd());
    }
}
