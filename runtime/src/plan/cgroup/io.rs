//! `linux.resources.blockIO`, in the files of the controller `io`.

use super::{CgroupPlan, Missing, UNLIMITED};
use crate::error::{Error, Result};
use oci_spec::runtime::{LinuxBlockIo, LinuxThrottleDevice, LinuxWeightDevice};

/// config-linux.md: the bounds of a weight.
const WEIGHTS: std::ops::RangeInclusive<u16> = 10..=1000;

impl CgroupPlan {
    /// `leafWeight` has no effect under cgroup v2: a group with processes has no groups in it.
    pub(super) fn io(&mut self, io: &LinuxBlockIo) -> Result<()> {
        let field = "linux.resources.blockIO.weight";
        if let Some(weight) = weight(field, io.weight())? {
            self.weight("", weight, field)?;
        }
        for device in io.weight_device().iter().flatten() {
            self.device_weight(device)?;
        }
        for (name, key, devices) in [
            ("throttleReadBpsDevice", "rbps", io.throttle_read_bps_device()),
            ("throttleWriteBpsDevice", "wbps", io.throttle_write_bps_device()),
            ("throttleReadIOPSDevice", "riops", io.throttle_read_iops_device()),
            ("throttleWriteIOPSDevice", "wiops", io.throttle_write_iops_device()),
        ] {
            for device in devices.iter().flatten() {
                self.throttle(&format!("linux.resources.blockIO.{name}"), key, *device)?;
            }
        }
        Ok(())
    }

    fn device_weight(&mut self, device: &LinuxWeightDevice) -> Result<()> {
        let field = "linux.resources.blockIO.weightDevice";
        let key = device_key(field, device.major(), device.minor())?;
        let field = format!("{field}[{key}].weight");
        match weight(&field, device.weight())? {
            Some(weight) => self.weight(&format!("{key} "), weight, &field),
            None => Ok(()),
        }
    }

    /// The scheduler BFQ has a scale and a file of its own. Where it is not in use, `io.weight` is
    /// what there is, for the cost model.
    fn weight(&mut self, device: &str, weight: u16, field: &str) -> Result<()> {
        let value = format!("{device}{weight}");
        let instead = format!("{device}{}", on_the_scale_of_io_weight(weight));
        let missing = Missing::Write { file: "io.weight".to_owned(), value: instead };
        self.write_or("io.bfq.weight", value, field, missing)
    }

    /// A rate of 0 is the absence of a limit, as under cgroup v1.
    fn throttle(&mut self, field: &str, key: &str, device: LinuxThrottleDevice) -> Result<()> {
        let number = device_key(field, device.major(), device.minor())?;
        let rate = match device.rate() {
            0 => UNLIMITED.to_owned(),
            rate => rate.to_string(),
        };
        self.write("io.max", format!("{number} {key}={rate}"), &format!("{field}[{number}]"))
    }
}

/// 0 stands for no weight.
fn weight(field: &str, weight: Option<u16>) -> Result<Option<u16>> {
    match weight.filter(|weight| *weight != 0) {
        Some(weight) if !WEIGHTS.contains(&weight) => {
            Err(Error::invalid(field, weight, "not within 10 and 1000"))
        }
        weight => Ok(weight),
    }
}

/// Straight from 10 … 1000 to 1 … 10000.
pub(super) fn on_the_scale_of_io_weight(weight: u16) -> u32 {
    let above = u32::from(weight.saturating_sub(*WEIGHTS.start()));
    1 + above * 9999 / 990
}

fn device_key(field: &str, major: i64, minor: i64) -> Result<String> {
    for (name, number) in [("major", major), ("minor", minor)] {
        if u32::try_from(number).is_err() {
            let field = format!("{field}.{name}");
            return Err(Error::invalid(field, number, "not the number of a device"));
        }
    }
    Ok(format!("{major}:{minor}"))
}
