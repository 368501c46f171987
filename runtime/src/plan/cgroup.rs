//! The limits of a container, as the files of cgroup v2 take them.
//!
//! config-linux.md speaks the language of cgroup v1. What has no effect under v2 (realtime
//! scheduling, kernel memory, swappiness, network classes) is left out here.

pub(crate) mod devices;
mod io;
mod other;
pub(crate) mod place;
pub(crate) mod scope;
mod update;

use crate::error::{Error, Result};
use devices::DeviceRules;
use oci_spec::runtime::{LinuxCpu, LinuxMemory, LinuxPids, LinuxResources};
use std::fmt::Display;

pub(crate) use update::Current;

/// What is written into the files of a new cgroup.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CgroupPlan {
    /// The controllers that the limits need.
    pub(crate) controllers: Vec<Controller>,
    /// Written before the first process is born.
    pub(crate) early: Vec<Write>,
    /// Written when the container is complete: what would stop or kill a process that still sets it
    /// up.
    pub(crate) late: Vec<Write>,
    /// Which devices its processes may use; `None` leaves that as it is: all, in a new group.
    pub(crate) devices: Option<DeviceRules>,
    /// The user of the host that the group is delegated to.
    pub(crate) owner: Option<u32>,
}

/// A controller that must be there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Controller {
    pub(crate) name: &'static str,
    /// The field that needs it.
    pub(crate) field: String,
}

/// One write to one file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) file: String,
    pub(crate) value: String,
    /// The field that asks for it.
    pub(crate) field: String,
    pub(crate) if_missing: Missing,
}

/// What is done when there is no such file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is an error.
    Refuse,
    /// Nothing: it makes no difference.
    Ignore,
    /// Another file is written.
    Write { file: String, value: String },
}

/// Those that have files (Documentation/admin-guide/cgroup-v2.rst, "Controllers").
const CONTROLLERS: [&str; 9] =
    ["cpu", "cpuset", "dmem", "hugetlb", "io", "memory", "misc", "pids", "rdma"];

const LATE: [&str; 3] = ["memory.swap.max", "memory.max", "pids.max"];

/// include/linux/sched/sysctl.h and kernel/sched/core.c: the bounds of `cpu.max`, in microseconds.
const CPU_PERIOD_DEFAULT: u64 = 100_000;
const CPU_PERIOD_MAX: u64 = 1_000_000;
const CPU_TIME_MIN: u64 = 1_000;

const UNLIMITED: &str = "max";

impl CgroupPlan {
    /// Decides what to write for `linux.resources` of a new container.
    pub(crate) fn build(resources: Option<&LinuxResources>) -> Result<Self> {
        let mut plan = Self::default();
        if let Some(resources) = resources {
            plan.limits(resources, &Current::default())?;
        }
        let devices = resources.and_then(|resources| resources.devices().as_deref());
        let rules = DeviceRules::build(devices.unwrap_or_default())?;
        plan.devices = Some(rules).filter(|rules| !rules.allows_all());
        Ok(plan)
    }

    /// All but the devices.
    fn limits(&mut self, resources: &LinuxResources, current: &Current) -> Result<()> {
        if let Some(cpu) = resources.cpu() {
            self.cpu(cpu, current)?;
            self.cpuset(cpu)?;
        }
        if let Some(memory) = resources.memory() {
            self.memory(memory, current)?;
        }
        if let Some(pids) = resources.pids() {
            self.pids(*pids)?;
        }
        if let Some(io) = resources.block_io() {
            self.io(io)?;
        }
        self.huge_pages(resources.hugepage_limits().as_deref().unwrap_or_default())?;
        self.rdma(resources.rdma().as_ref())?;
        let mut unified: Vec<_> = resources.unified().iter().flatten().collect();
        unified.sort();
        unified.into_iter().try_for_each(|(key, value)| self.unified(key, value))
    }

    fn cpu(&mut self, cpu: &LinuxCpu, current: &Current) -> Result<()> {
        if let Some(idle) = cpu.idle() {
            if !matches!(idle, 0 | 1) {
                let reason = "neither 0 nor 1";
                return Err(Error::invalid("linux.resources.cpu.idle", idle, reason));
            }
            self.write("cpu.idle", idle, "linux.resources.cpu.idle")?;
        }
        if let Some(shares) = cpu.shares().filter(|shares| *shares != 0) {
            let field = "linux.resources.cpu.shares";
            if cpu.idle().unwrap_or(current.idle) == 1 {
                let reason = "an idle cgroup (linux.resources.cpu.idle) has no weight";
                return Err(Error::invalid(field, shares, reason));
            }
            self.write("cpu.weight", weight(shares), field)?;
        }
        self.bandwidth(cpu, current)
    }

    /// `cpu.max` and `cpu.max.burst`. A burst must not be above the quota; in a new cgroup, which
    /// has no quota yet, it can be written first.
    fn bandwidth(&mut self, cpu: &LinuxCpu, current: &Current) -> Result<()> {
        let period = cpu.period().filter(|period| *period != 0);
        if let Some(period) = period.filter(|us| !(CPU_TIME_MIN..=CPU_PERIOD_MAX).contains(us)) {
            let reason = "not within 1000 and 1000000 microseconds";
            return Err(Error::invalid("linux.resources.cpu.period", period, reason));
        }
        let quota = limit("linux.resources.cpu.quota", cpu.quota())?;
        if let Some(Limit::At(quota)) = quota.filter(|quota| *quota < Limit::At(CPU_TIME_MIN)) {
            let reason = "less than 1000 microseconds";
            return Err(Error::invalid("linux.resources.cpu.quota", quota, reason));
        }
        let is_asked = quota.is_some() || period.is_some();
        let field = if quota.is_some() { "quota" } else { "period" };
        let quota = quota.unwrap_or(current.quota);
        let burst = cpu.burst().unwrap_or(current.burst);
        if Limit::At(burst) > quota {
            let reason = format!("above linux.resources.cpu.quota, {quota}");
            return Err(Error::invalid("linux.resources.cpu.burst", burst, reason));
        }
        if let Some(burst) = cpu.burst() {
            self.write("cpu.max.burst", burst, "linux.resources.cpu.burst")?;
        }
        if !is_asked {
            return Ok(());
        }
        let value = format!("{quota} {}", period.unwrap_or(current.period));
        self.write("cpu.max", value, &format!("linux.resources.cpu.{field}"))
    }

    fn memory(&mut self, memory: &LinuxMemory, current: &Current) -> Result<()> {
        let limit_field = "linux.resources.memory.limit";
        let swap_field = "linux.resources.memory.swap";
        let max = limit(limit_field, memory.limit())?;
        let both = limit(swap_field, memory.swap())?;
        // Swap first: a limit that is lowered while swap is still unlimited would only move pages.
        if let Some(swap) = swap(max.or(current.memory), both)? {
            let missing = match swap {
                // Not there without swap accounting, nor is any swap then.
                Limit::Max | Limit::At(0) => Missing::Ignore,
                Limit::At(_) => Missing::Refuse,
            };
            let field = if both.is_some() { swap_field } else { limit_field };
            self.write_or("memory.swap.max", swap, field, missing)?;
        }
        if let Some(max) = max {
            self.write("memory.max", max, limit_field)?;
        }
        let field = "linux.resources.memory.reservation";
        if let Some(low) = limit(field, memory.reservation())? {
            self.write("memory.low", low, field)?;
        }
        Ok(())
    }

    /// Since version 1.3 of the specification, 0 is a limit and not the absence of one. No cgroup
    /// can have a process under it; 1 is the least that lets the container itself live.
    fn pids(&mut self, pids: LinuxPids) -> Result<()> {
        let value = match pids.limit() {
            ..0 => UNLIMITED.to_owned(),
            0 => "1".to_owned(),
            limit => limit.to_string(),
        };
        self.write("pids.max", value, "linux.resources.pids.limit")
    }

    /// A file by its name. It replaces what another field wants in the same file.
    fn unified(&mut self, file: &str, value: &str) -> Result<()> {
        let field = format!("linux.resources.unified[{file:?}]");
        let invalid = |reason: &str| Err(Error::invalid(&field, format!("{value:?}"), reason));
        if file.contains(['/', '\0']) || !file.contains('.') || file.starts_with('.') {
            return invalid("not the name of a file of cgroup v2");
        }
        if file.starts_with("cgroup.") {
            // "cgroup.procs" would pull any process of the host in.
            return invalid("files of the cgroup itself may not be written");
        }
        if controller(file).is_none() {
            return invalid("does not begin with the name of a controller");
        }
        if value.contains('\0') {
            return invalid("contains a NUL byte");
        }
        let lines: Vec<_> = value.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() {
            return invalid("empty");
        }
        self.early.retain(|write| write.file != file);
        self.late.retain(|write| write.file != file);
        lines.into_iter().try_for_each(|line| self.write(file, line, &field))
    }

    fn write(&mut self, file: &str, value: impl Display, field: &str) -> Result<()> {
        self.write_or(file, value, field, Missing::Refuse)
    }

    fn write_or(
        &mut self,
        file: &str,
        value: impl Display,
        field: &str,
        if_missing: Missing,
    ) -> Result<()> {
        let Some(name) = controller(file) else {
            return Err(Error::invalid(field, file, "not a file of a controller"));
        };
        if !self.controllers.iter().any(|known| known.name == name) {
            self.controllers.push(Controller { name, field: field.to_owned() });
        }
        let writes = if LATE.contains(&file) { &mut self.late } else { &mut self.early };
        let (file, value, field) = (file.to_owned(), value.to_string(), field.to_owned());
        writes.push(Write { file, value, field, if_missing });
        Ok(())
    }
}

/// The controller that a file belongs to.
fn controller(file: &str) -> Option<&'static str> {
    let prefix = file.split_once('.')?.0;
    CONTROLLERS.into_iter().find(|name| *name == prefix)
}

/// In rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Limit {
    At(u64),
    Max,
}

impl Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Max => f.write_str(UNLIMITED),
            Self::At(value) => value.fmt(f),
        }
    }
}

/// A limit of config.json: 0 is none, −1 is explicitly unlimited.
fn limit(field: &str, value: Option<i64>) -> Result<Option<Limit>> {
    match value {
        None | Some(0) => Ok(None),
        Some(-1) => Ok(Some(Limit::Max)),
        Some(value) => match u64::try_from(value) {
            Ok(value) => Ok(Some(Limit::At(value))),
            Err(_) => {
                Err(Error::invalid(field, value, "neither a limit nor -1, which is unlimited"))
            }
        },
    }
}

/// `memory.swap.max` counts swap alone, where config.json has memory and swap together.
fn swap(memory: Option<Limit>, both: Option<Limit>) -> Result<Option<Limit>> {
    let field = "linux.resources.memory.swap";
    match (memory, both) {
        (Some(Limit::Max), None) => Ok(Some(Limit::Max)),
        (Some(Limit::Max), both) => Ok(both),
        (_, None) => Ok(None),
        (_, Some(Limit::Max)) => Ok(Some(Limit::Max)),
        (None, Some(both)) => {
            let reason = "unable to set swap limit without memory limit";
            Err(Error::invalid(field, both, reason))
        }
        (Some(Limit::At(memory)), Some(Limit::At(both))) => match both.checked_sub(memory) {
            Some(swap) => Ok(Some(Limit::At(swap))),
            None => {
                let reason = format!("below linux.resources.memory.limit, {memory}");
                Err(Error::invalid(field, both, reason))
            }
        },
    }
}

/// `cpu.weight` for `cpu.shares`: the curve through (2, 1), (1024, 100) and (262144, 10000), so
/// that the default of v1 is the default of v2.
fn weight(shares: u64) -> u64 {
    const SHARES_MAX: u64 = 262_144;
    if shares <= 2 {
        return 1;
    }
    let Some(shares) = u32::try_from(shares).ok().filter(|s| u64::from(*s) < SHARES_MAX) else {
        return 10_000;
    };
    let log = f64::from(shares).log2();
    let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within 1 and 10000, by the bounds of shares"
    )]
    let weight = 10_f64.powf(exponent).ceil() as u64;
    weight
}

#[cfg(test)]
mod tests;
