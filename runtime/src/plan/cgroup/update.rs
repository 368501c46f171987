//! What to write for new limits of a container that has some.

use super::devices::DeviceRules;
use super::{CPU_PERIOD_DEFAULT, CgroupPlan, Limit, UNLIMITED};
use crate::error::{Error, Result};
use oci_spec::runtime::LinuxResources;

/// What a group has now, as far as new limits depend on it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Current {
    pub(super) idle: i64,
    pub(super) quota: Limit,
    pub(super) period: u64,
    pub(super) burst: u64,
    /// `None` without a limit: then there is none for memory and swap together either.
    pub(super) memory: Option<Limit>,
    usage: u64,
}

/// That of a new group.
impl Default for Current {
    fn default() -> Self {
        let period = CPU_PERIOD_DEFAULT;
        Self { idle: 0, quota: Limit::Max, period, burst: 0, memory: None, usage: 0 }
    }
}

impl Current {
    /// Reads it by `read`, which answers with the contents of a file of the group, or with `None`
    /// if there is no such file.
    pub(crate) fn read(read: impl Fn(&str) -> Result<Option<String>>) -> Result<Self> {
        let number = |file| -> Result<u64> {
            Ok(read(file)?.and_then(|text| text.trim().parse().ok()).unwrap_or(0))
        };
        let memory = read("memory.max")?.and_then(|text| Limit::parse(text.trim()));
        let mut current = Self {
            idle: number("cpu.idle")?.cast_signed(),
            burst: number("cpu.max.burst")?,
            usage: number("memory.current")?,
            memory: memory.filter(|limit| *limit != Limit::Max),
            ..Self::default()
        };
        if let Some(max) = read("cpu.max")?
            && let Some((quota, period)) = max.trim().split_once(' ')
        {
            current.quota = Limit::parse(quota).unwrap_or(Limit::Max);
            current.period = period.parse().unwrap_or(CPU_PERIOD_DEFAULT);
        }
        Ok(current)
    }
}

impl CgroupPlan {
    /// Decides what to write for new limits: what is not among them stays as it is.
    pub(crate) fn update(resources: &LinuxResources, current: &Current) -> Result<Self> {
        let mut plan = Self::default();
        plan.limits(resources, current)?;
        check_usage(resources, current)?;
        if let Some(rules) = resources.devices().as_deref().filter(|rules| !rules.is_empty()) {
            plan.devices = Some(DeviceRules::build(rules)?);
        }
        Ok(plan)
    }
}

/// `memory.checkBeforeUpdate`: a limit below what is used would end processes.
fn check_usage(resources: &LinuxResources, current: &Current) -> Result<()> {
    let Some(memory) = resources.memory() else { return Ok(()) };
    if memory.check_before_update() != Some(true) {
        return Ok(());
    }
    for (name, limit) in [("limit", memory.limit()), ("swap", memory.swap())] {
        let limit = limit.and_then(|limit| u64::try_from(limit).ok()).filter(|limit| *limit != 0);
        if let Some(limit) = limit.filter(|limit| *limit < current.usage) {
            let reason = format!("below what is used now, {}", current.usage);
            return Err(Error::invalid(format!("linux.resources.memory.{name}"), limit, reason));
        }
    }
    Ok(())
}

impl Limit {
    fn parse(text: &str) -> Option<Self> {
        if text == UNLIMITED { Some(Self::Max) } else { text.parse().ok().map(Self::At) }
    }
}
