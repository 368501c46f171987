//! What a container uses, under the names of runc's `events`: its callers parse them
//! (go-runc, events.go). They are those of cgroup v1, whatever the kernel counts.

use super::root::Root;
use super::state::{State, Status, own_cgroup};
use super::text::{number, value};
use crate::cgroup::Cgroup;
use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;

/// A look at the counters.
#[derive(Debug, Default, Serialize)]
pub struct Statistics {
    cpu: Cpu,
    memory: Memory,
    pids: Pids,
    blkio: BlockIo,
    hugetlb: BTreeMap<String, HugePages>,
    /// Nothing: peapod has no Intel RDT.
    intel_rdt: BTreeMap<String, String>,
    /// Nothing: the network is not the runtime's.
    network_interfaces: Option<Vec<String>>,
}

#[derive(Debug, Default, Serialize)]
struct Cpu {
    usage: CpuUsage,
    throttling: Throttling,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<Pressure>,
}

/// In nanoseconds.
#[derive(Debug, Default, Serialize)]
struct CpuUsage {
    total: u64,
    kernel: u64,
    user: u64,
}

/// The time is in nanoseconds.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Throttling {
    periods: u64,
    throttled_periods: u64,
    throttled_time: u64,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    cache: u64,
    usage: MemoryUsage,
    /// Memory and swap together.
    swap: MemoryUsage,
    kernel: MemoryUsage,
    #[serde(rename = "kernelTCP")]
    kernel_tcp: MemoryUsage,
    /// All of `memory.stat`.
    raw: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<Pressure>,
}

/// In bytes. No limit is the largest number.
#[derive(Debug, Default, Serialize)]
struct MemoryUsage {
    limit: u64,
    usage: u64,
    max: u64,
    failcnt: u64,
}

#[derive(Debug, Default, Serialize)]
struct Pids {
    current: u64,
    /// 0 without one.
    limit: u64,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockIo {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_service_bytes_recursive: Vec<BlockIoEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_serviced_recursive: Vec<BlockIoEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    psi: Option<Pressure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct BlockIoEntry {
    major: u64,
    minor: u64,
    op: &'static str,
    value: u64,
}

#[derive(Debug, Default, Serialize)]
struct HugePages {
    usage: u64,
    max: u64,
    failcnt: u64,
}

/// How long processes waited for something (Documentation/accounting/psi.rst).
#[derive(Debug, Default, PartialEq, Serialize)]
struct Pressure {
    some: Stall,
    full: Stall,
}

/// Averages in per cent, the total in microseconds.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Stall {
    avg10: f64,
    avg60: f64,
    avg300: f64,
    total: u64,
}

/// What the container `id` uses.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::WrongState`] if it has stopped.
pub fn statistics(root: &Root, id: &str) -> Result<Statistics> {
    Statistics::of(&running(root, id)?)
}

/// The cgroup of a container that has not stopped.
pub(super) fn running(root: &Root, id: &str) -> Result<Cgroup> {
    let entry = root.open_entry(id)?;
    let state = State::load(&entry)?;
    state.must_be_a_container()?;
    let cgroup = own_cgroup(&entry)?;
    let is_stopped = state.status(&entry, cgroup.as_ref())? == Status::Stopped;
    let not_running = || Error::WrongState(format!("container with id {id} is not running"));
    cgroup.filter(|_| !is_stopped).ok_or_else(not_running)
}

impl Statistics {
    pub(super) fn of(cgroup: &Cgroup) -> Result<Self> {
        let files = Files(cgroup);
        let memory = files.memory()?;
        Ok(Self {
            cpu: files.cpu()?,
            pids: files.pids()?,
            blkio: files.block_io()?,
            hugetlb: files.huge_pages()?,
            memory,
            ..Self::default()
        })
    }
}

/// The files of a group. What is not there has the value 0.
struct Files<'a>(&'a Cgroup);

impl Files<'_> {
    fn text(&self, file: &str) -> Result<String> {
        Ok(self.0.read(file)?.unwrap_or_default())
    }

    fn number(&self, file: &str) -> Result<u64> {
        Ok(number(&self.text(file)?))
    }

    fn table(&self, file: &str) -> Result<BTreeMap<String, u64>> {
        let text = self.text(file)?;
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        Ok(pairs.map(|(key, value)| (key.to_owned(), number(value))).collect())
    }

    fn cpu(&self) -> Result<Cpu> {
        let table = self.table("cpu.stat")?;
        let of = |key: &str| table.get(key).copied().unwrap_or(0);
        let nanoseconds = |key: &str| of(key).saturating_mul(1000);
        Ok(Cpu {
            usage: CpuUsage {
                total: nanoseconds("usage_usec"),
                kernel: nanoseconds("system_usec"),
                user: nanoseconds("user_usec"),
            },
            throttling: Throttling {
                periods: of("nr_periods"),
                throttled_periods: of("nr_throttled"),
                throttled_time: nanoseconds("throttled_usec"),
            },
            psi: self.pressure("cpu.pressure")?,
        })
    }

    fn memory(&self) -> Result<Memory> {
        let raw = self.table("memory.stat")?;
        let events = self.table("memory.events")?;
        let swap_events = self.table("memory.swap.events")?;
        let of = |table: &BTreeMap<String, u64>, key: &str| table.get(key).copied().unwrap_or(0);
        let usage = MemoryUsage {
            limit: self.number("memory.max")?,
            usage: self.number("memory.current")?,
            max: self.number("memory.peak")?,
            failcnt: of(&events, "max"),
        };
        let swap = MemoryUsage {
            limit: self.number("memory.swap.max")?.saturating_add(usage.limit),
            usage: self.number("memory.swap.current")?.saturating_add(usage.usage),
            max: self.number("memory.swap.peak")?,
            failcnt: of(&swap_events, "fail"),
        };
        Ok(Memory {
            cache: of(&raw, "file"),
            kernel: MemoryUsage { usage: of(&raw, "kernel"), ..MemoryUsage::default() },
            kernel_tcp: MemoryUsage { usage: of(&raw, "sock"), ..MemoryUsage::default() },
            usage,
            swap,
            raw,
            psi: self.pressure("memory.pressure")?,
        })
    }

    fn pids(&self) -> Result<Pids> {
        let limit = self.text("pids.max")?;
        Ok(Pids { current: self.number("pids.current")?, limit: limit.trim().parse().unwrap_or(0) })
    }

    fn block_io(&self) -> Result<BlockIo> {
        let text = self.text("io.stat")?;
        Ok(BlockIo {
            io_service_bytes_recursive: entries(&text, [("rbytes", "Read"), ("wbytes", "Write")]),
            io_serviced_recursive: entries(&text, [("rios", "Read"), ("wios", "Write")]),
            psi: self.pressure("io.pressure")?,
        })
    }

    /// By the size of a page, as the names of the files have it: `hugetlb.2MB.current`.
    fn huge_pages(&self) -> Result<BTreeMap<String, HugePages>> {
        let mut found = BTreeMap::new();
        for file in self.0.files("hugetlb.")? {
            let parts: Vec<_> = file.split('.').collect();
            if let ["hugetlb", size, "current"] = parts[..] {
                let events = self.table(&format!("hugetlb.{size}.events"))?;
                let failcnt = events.get("max").copied().unwrap_or(0);
                let usage = self.number(&file)?;
                found.insert(size.to_owned(), HugePages { usage, max: 0, failcnt });
            }
        }
        Ok(found)
    }

    fn pressure(&self, file: &str) -> Result<Option<Pressure>> {
        Ok(self.0.read(file)?.map(|text| Pressure::parse(&text)))
    }
}

impl Pressure {
    fn parse(text: &str) -> Self {
        let stall = |kind: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(kind)).unwrap_or_default();
            let of = |key| value(line, key).unwrap_or_default();
            let average = |key| of(key).parse().unwrap_or(0.0);
            Stall {
                avg10: average("avg10"),
                avg60: average("avg60"),
                avg300: average("avg300"),
                total: number(of("total")),
            }
        };
        Self { some: stall("some "), full: stall("full ") }
    }
}

/// Two of the values of each line: `8:0 rbytes=1 wbytes=2 ...`.
fn entries(text: &str, keys: [(&str, &'static str); 2]) -> Vec<BlockIoEntry> {
    let mut found = Vec::new();
    for line in text.lines() {
        let Some((major, minor)) = line.split(' ').next().and_then(|key| key.split_once(':'))
        else {
            continue;
        };
        for (key, op) in keys {
            if let Some(value) = value(line, key).map(number) {
                let (major, minor) = (number(major), number(minor));
                found.push(BlockIoEntry { major, minor, op, value });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_io_stat_is_entries_by_direction() {
        let text = "98:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n8:16 \n";
        let entry = |op, value| BlockIoEntry { major: 98, minor: 0, op, value };
        let bytes = entries(text, [("rbytes", "Read"), ("wbytes", "Write")]);
        assert_eq!(bytes, [entry("Read", 4096), entry("Write", 8192)]);
        let count = entries(text, [("rios", "Read"), ("wios", "Write")]);
        assert_eq!(count, [entry("Read", 1), entry("Write", 2)]);
    }

    #[test]
    fn pressure_is_averages_and_a_total() {
        let text = "some avg10=1.50 avg60=0.25 avg300=0.00 total=123\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        let some = Stall { avg10: 1.5, avg60: 0.25, avg300: 0.0, total: 123 };
        let full = Stall { total: 7, ..Stall::default() };
        assert_eq!(Pressure::parse(text), Pressure { some, full });
    }
}
