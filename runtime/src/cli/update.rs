//! `peapod update`: gives a container new limits.

use anyhow::{Context, Result, bail, ensure};
use peapod::container::{Root, update};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// More than any description of limits takes.
const SIZE_LIMIT: u64 = 4 << 20;

/// Change the limits of a container
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Read them from this file, or from standard input: a linux.resources of config.json
    #[arg(short, long, value_name = "FILE|-")]
    resources: Option<PathBuf>,

    #[command(flatten)]
    single: Single,

    /// The container
    id: String,
}

/// One limit each, for whoever has no file. Sizes may end in k, m, g, t or p.
#[derive(Debug, clap::Args)]
struct Single {
    /// The weight of its input and output, from 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<u16>,

    /// The period that the quota is for, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<u64>,

    /// Processor time in each period, in microseconds; -1 for no limit
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    cpu_quota: Option<i64>,

    /// What it may save of the quota, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_burst: Option<u64>,

    /// The weight of its processor time; 1024 is that of others
    #[arg(long, alias = "cpu-shares", value_name = "SHARES")]
    cpu_share: Option<u64>,

    /// Whether it gets only what others leave: 0 or 1
    #[arg(long, value_name = "0|1")]
    cpu_idle: Option<i64>,

    /// Without effect under cgroup v2
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_rt_period: Option<u64>,

    /// Without effect under cgroup v2
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    cpu_rt_runtime: Option<i64>,

    /// The processors that it may use: 0-3,7
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,

    /// The memory nodes that it may use: 0-3,7
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,

    /// The most memory that it may use; -1 for no limit
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    memory: Option<i64>,

    /// The memory that is not taken from it
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    memory_reservation: Option<i64>,

    /// The most memory and swap that it may use; -1 for no limit of swap
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    memory_swap: Option<i64>,

    /// Without effect under cgroup v2
    #[arg(long, hide = true, value_parser = size, allow_hyphen_values = true)]
    kernel_memory: Option<i64>,

    /// Without effect under cgroup v2
    #[arg(long, hide = true, value_parser = size, allow_hyphen_values = true)]
    kernel_memory_tcp: Option<i64>,

    /// The most processes that it may have; -1 for no limit
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pids_limit: Option<i64>,

    /// Not supported
    #[arg(long, hide = true)]
    l3_cache_schema: Option<String>,

    /// Not supported
    #[arg(long, hide = true)]
    mem_bw_schema: Option<String>,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        self.single.refuse_unsupported()?;
        let Some(path) = &self.resources else {
            let resources = serde_json::to_vec(&self.single.resources())?;
            return Ok(update(root, &self.id, Path::new("update"), &resources)?);
        };
        if self.single.resources() != json!({}) {
            bail!("--resources: {}: not together with single limits", path.display());
        }
        let resources = read(path).with_context(|| format!("--resources: {}", path.display()))?;
        Ok(update(root, &self.id, path, &resources)?)
    }
}

impl Single {
    fn refuse_unsupported(&self) -> Result<()> {
        let schemas = [
            ("--l3-cache-schema", &self.l3_cache_schema),
            ("--mem-bw-schema", &self.mem_bw_schema),
        ];
        match schemas.iter().find(|(_, schema)| schema.is_some()) {
            Some((flag, _)) => bail!("{flag}: not supported by this version of peapod"),
            None => Ok(()),
        }
    }

    /// As a file would have them.
    fn resources(&self) -> Value {
        let mut resources = json!({});
        for (section, name, value) in [
            ("blockIO", "weight", json!(self.blkio_weight)),
            ("cpu", "period", json!(self.cpu_period)),
            ("cpu", "quota", json!(self.cpu_quota)),
            ("cpu", "burst", json!(self.cpu_burst)),
            ("cpu", "shares", json!(self.cpu_share)),
            ("cpu", "idle", json!(self.cpu_idle)),
            ("cpu", "realtimePeriod", json!(self.cpu_rt_period)),
            ("cpu", "realtimeRuntime", json!(self.cpu_rt_runtime)),
            ("cpu", "cpus", json!(self.cpuset_cpus)),
            ("cpu", "mems", json!(self.cpuset_mems)),
            ("memory", "limit", json!(self.memory)),
            ("memory", "reservation", json!(self.memory_reservation)),
            ("memory", "swap", json!(self.memory_swap)),
            ("memory", "kernel", json!(self.kernel_memory)),
            ("memory", "kernelTCP", json!(self.kernel_memory_tcp)),
            ("pids", "limit", json!(self.pids_limit)),
        ] {
            if !value.is_null() {
                resources[section][name] = value;
            }
        }
        resources
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(SIZE_LIMIT + 1).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?.take(SIZE_LIMIT + 1).read_to_end(&mut bytes)?;
    }
    ensure!(u64::try_from(bytes.len())? <= SIZE_LIMIT, "larger than 4 MiB");
    Ok(bytes)
}

/// A number of bytes, in the notation of docker and runc: 512m, 1.5g, 1GiB. −1 stands for no limit.
fn size(text: &str) -> Result<i64, String> {
    let invalid = || format!("not a size such as 512m: \"{text}\"");
    if text == "-1" {
        return Ok(-1);
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start().to_ascii_lowercase();
    let unit = unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit);
    let power = match unit {
        "" => 0,
        unit => {
            1 + ["k", "m", "g", "t", "p"].iter().position(|u| *u == unit).ok_or_else(invalid)?
        }
    };
    let factor = 1_u64 << (10 * power);
    if let Ok(number) = number.parse::<u64>() {
        let bytes = number.checked_mul(factor).and_then(|bytes| i64::try_from(bytes).ok());
        return bytes.ok_or_else(|| format!("too large: \"{text}\""));
    }
    fraction(number, factor).ok_or_else(invalid)
}

/// What a number with a fraction is of a unit, rounded down.
fn fraction(number: &str, factor: u64) -> Option<i64> {
    let (whole, part) = number.split_once('.')?;
    // More digits than these make no difference of a byte.
    let part = &part[..part.len().min(18)];
    let digits = u32::try_from(part.len()).ok()?;
    let (whole, part) = (whole.parse::<u128>().ok()?, part.parse::<u128>().ok()?);
    let factor = u128::from(factor);
    let bytes = whole.checked_mul(factor)? + part * factor / 10_u128.pow(digits);
    i64::try_from(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_docker() {
        for (text, bytes) in [
            ("0", 0),
            ("-1", -1),
            ("4096", 4096),
            ("512m", 512 << 20),
            ("512M", 512 << 20),
            ("1.5g", 3 << 29),
            ("1 GiB", 1 << 30),
            ("2kb", 2048),
            ("7b", 7),
            ("0.5k", 512),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "x", "-2", "1x", "1.2.3k", "m", ".", "9999999p", "1e3"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
