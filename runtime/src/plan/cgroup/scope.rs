//! A scope of systemd's, in which a container lives where systemd manages the cgroups: its names,
//! and the limits as systemd's properties. The names and the types of these are in
//! org.freedesktop.systemd1(5).

use super::Write;
use crate::error::{Error, Result};
use std::path::Path;

/// What is prepended to ids, and the slice, where config.json asks for none.
const PREFIX: &str = "peapod";
const SLICE: &str = "system.slice";

/// What systemd takes for the absence of a limit.
const UNLIMITED: u64 = u64::MAX;

/// systemd counts the CPU's time in steps of this many microseconds (src/core/cgroup.c).
const CPU_STEP: u64 = 10_000;

/// A second, in microseconds.
const SECOND: u64 = 1_000_000;

/// A transient unit that is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The unit above it.
    pub(crate) slice: String,
    /// Its own name.
    pub(crate) name: String,
}

impl Scope {
    /// Whether a path has the form of one of systemd's.
    pub(crate) fn is_named_by(path: &Path) -> bool {
        let path = path.to_string_lossy();
        let mut parts = path.split(':');
        parts.next().is_some_and(|slice| slice.ends_with(".slice")) && parts.count() == 2
    }

    /// config.json's `cgroupsPath` under systemd is `slice:prefix:name`, of which the first two may
    /// be empty; without any it is chosen here.
    pub(crate) fn parse(path: Option<&Path>, id: &str) -> Result<Self> {
        let path = path.map(Path::to_string_lossy).filter(|path| !path.is_empty());
        let Some(path) = path else {
            return Ok(Self { slice: SLICE.to_owned(), name: format!("{PREFIX}-{id}.scope") });
        };
        let invalid =
            |reason: &str| Err(Error::invalid("linux.cgroupsPath", format!("{path:?}"), reason));
        let parts: Vec<_> = path.split(':').collect();
        let [slice, prefix, name] = parts[..] else {
            return invalid("expected to be of format \"slice:prefix:name\" for systemd cgroups");
        };
        let slice = if slice.is_empty() { SLICE } else { slice };
        let dashes = slice
            .strip_suffix(".slice")
            .map(|stem| stem != "-" && (stem.is_empty() || stem.split('-').any(str::is_empty)));
        if dashes != Some(false) || !is_unit_name(slice) {
            return invalid("does not begin with the name of a slice");
        }
        let name = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}-{name}") };
        let name = format!("{name}.scope");
        if name.starts_with('.') || !is_unit_name(&name) {
            return invalid("does not end in the name of a unit");
        }
        Ok(Self { slice: slice.to_owned(), name })
    }
}

/// systemd.unit(5): at most 255 characters, of these.
fn is_unit_name(name: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    name.len() <= 255 && name.bytes().all(is_known)
}

/// A property of a unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) value: Value,
    /// The first version of systemd that has it.
    pub(crate) since: u32,
}

/// What a property is set to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    U32(u32),
    U64(u64),
    I32(i32),
    I64(i64),
    F64(f64),
    Text(String),
    Texts(Vec<String>),
    Bytes(Vec<u8>),
}

impl Property {
    fn new(name: &str, value: Value, since: u32) -> Self {
        Self { name: name.to_owned(), value, since }
    }
}

/// The limits that systemd has words for. It has to know them: what it is not told of, it may set
/// back. What it has no words for is written into the files alone.
pub(crate) fn properties<'w>(writes: impl IntoIterator<Item = &'w Write>) -> Vec<Property> {
    writes.into_iter().flat_map(|write| of_write(&write.file, &write.value)).collect()
}

fn of_write(file: &str, value: &str) -> Vec<Property> {
    let number = |name: &str| {
        let value = match value {
            super::UNLIMITED => Some(UNLIMITED),
            value => value.parse().ok(),
        };
        value.map(|value| Property::new(name, Value::U64(value), 0))
    };
    let set = |name: &str| cpus(value).map(|bytes| Property::new(name, Value::Bytes(bytes), 244));
    match file {
        "cpu.max" => return bandwidth(value),
        "cpu.weight" => number("CPUWeight"),
        // An idle group: since version 252 that is the weight zero.
        "cpu.idle" if value == "1" => Some(Property::new("CPUWeight", Value::U64(0), 252)),
        "cpuset.cpus" => set("AllowedCPUs"),
        "cpuset.mems" => set("AllowedMemoryNodes"),
        "io.weight" => number("IOWeight"),
        "memory.high" => number("MemoryHigh"),
        "memory.low" => number("MemoryLow"),
        "memory.max" => number("MemoryMax"),
        "memory.min" => number("MemoryMin"),
        "memory.oom.group" => {
            let policy = if value == "1" { "kill" } else { "continue" };
            Some(Property::new("OOMPolicy", Value::Text(policy.to_owned()), 253))
        }
        "memory.swap.max" => number("MemorySwapMax"),
        "pids.max" => number("TasksMax"),
        _ => None,
    }
    .into_iter()
    .collect()
}

/// Of `cpu.max`: the time in each second, rounded up to what systemd can say, and the period.
fn bandwidth(value: &str) -> Vec<Property> {
    let (quota, period) = value.split_once(' ').unwrap_or((value, ""));
    let period = period.parse().unwrap_or(super::CPU_PERIOD_DEFAULT);
    let quota = match quota {
        super::UNLIMITED => Some(UNLIMITED),
        quota => quota.parse::<u64>().ok().map(|quota| {
            let each_second = u128::from(quota) * u128::from(SECOND) / u128::from(period.max(1));
            let steps = each_second.next_multiple_of(u128::from(CPU_STEP));
            u64::try_from(steps).unwrap_or(UNLIMITED)
        }),
    };
    let quota = quota.map(|quota| Property::new("CPUQuotaPerSecUSec", Value::U64(quota), 0));
    let period = Property::new("CPUQuotaPeriodUSec", Value::U64(period), 242);
    quota.into_iter().chain([period]).collect()
}

/// A list such as `0-3,7` as systemd takes it: a bit for each, the lowest in the first byte.
fn cpus(list: &str) -> Option<Vec<u8>> {
    /// More than any kernel is built for (`CONFIG_NR_CPUS`).
    const MOST: usize = 1 << 16;
    let mut bytes = Vec::new();
    for range in list.split(',').map(str::trim) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        for cpu in first..=last.min(MOST) {
            if bytes.len() <= cpu / 8 {
                bytes.resize(cpu / 8 + 1, 0);
            }
            bytes[cpu / 8] |= 1 << (cpu % 8);
        }
    }
    Some(bytes)
}

/// The properties that annotations ask for: `org.systemd.property.NAME`, with a value in the text
/// form of `GVariant`. As runc has it, `NAMESec` is systemd's `NAMEUSec`, counted in seconds.
pub(crate) fn of_annotations<'a>(
    annotations: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<Vec<Property>> {
    let mut properties = Vec::new();
    for (key, text) in annotations {
        let Some(name) = key.strip_prefix("org.systemd.property.") else { continue };
        let invalid = |reason: &str| Error::invalid(format!("annotations[{key:?}]"), text, reason);
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(invalid("not the name of a property"));
        }
        let value = parse(text).ok_or_else(|| invalid("not a value in `GVariant`'s text form"))?;
        properties.push(match name.strip_suffix("Sec").filter(|stem| !stem.ends_with('U')) {
            Some(stem) => {
                let value = microseconds(&value).ok_or_else(|| invalid("not a time in seconds"))?;
                Property::new(&format!("{stem}USec"), Value::U64(value), 0)
            }
            None => Property::new(name, value, 0),
        });
    }
    properties.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(properties)
}

fn microseconds(value: &Value) -> Option<u64> {
    match *value {
        Value::U32(seconds) => Some(u64::from(seconds) * SECOND),
        Value::U64(seconds) => seconds.checked_mul(SECOND),
        Value::I32(seconds) => u64::try_from(seconds).ok()?.checked_mul(SECOND),
        Value::I64(seconds) => u64::try_from(seconds).ok()?.checked_mul(SECOND),
        Value::F64(seconds) => {
            let time = std::time::Duration::try_from_secs_f64(seconds).ok()?;
            u64::try_from(time.as_micros()).ok()
        }
        Value::Bool(_) | Value::Text(_) | Value::Texts(_) | Value::Bytes(_) => None,
    }
}

/// `GVariant`'s text form (docs.gtk.org, "`GVariant` Text Format"), as far as properties need it: a
/// number without a type is an `int32`, or a `double` where it has a point.
fn parse(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Some(list) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return texts(list).map(Value::Texts);
    }
    if let Some((word, rest)) = quoted(text) {
        return rest.is_empty().then_some(Value::Text(word));
    }
    match text.split_once(char::is_whitespace).map(|(kind, number)| (kind, number.trim())) {
        Some(("uint32" | "@u", number)) => number.parse().ok().map(Value::U32),
        Some(("uint64" | "@t", number)) => number.parse().ok().map(Value::U64),
        Some(("int32" | "@i", number)) => number.parse().ok().map(Value::I32),
        Some(("int64" | "@x", number)) => number.parse().ok().map(Value::I64),
        Some(("double" | "@d", number)) => number.parse().ok().map(Value::F64),
        Some(_) => None,
        None => match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            number if number.contains('.') => number.parse().ok().map(Value::F64),
            number => number.parse().ok().map(Value::I32),
        },
    }
}

fn texts(list: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = list.trim();
    while !rest.is_empty() {
        let (word, after) = quoted(rest)?;
        words.push(word);
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(words)
}

/// The text in quotation marks at the beginning, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mark = text.chars().next().filter(|mark| matches!(mark, '\'' | '"'))?;
    let mut word = String::new();
    let mut characters = text[1..].char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => word.push(characters.next()?.1),
            character if character == mark => return Some((word, &text[at + 2..])),
            character => word.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests;
