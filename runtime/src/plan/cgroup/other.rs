//! `cpuset`, `hugetlb` and `rdma`: controllers that a group gets only when a limit needs them.

use super::{CgroupPlan, Missing, UNLIMITED};
use crate::error::{Error, Result};
use crate::spec::numbers;
use oci_spec::runtime::{LinuxCpu, LinuxHugepageLimit, LinuxRdma};
use std::collections::HashMap;

impl CgroupPlan {
    /// An empty set inherits that of the group above: nothing is written.
    pub(super) fn cpuset(&mut self, cpu: &LinuxCpu) -> Result<()> {
        for (file, name, list) in
            [("cpuset.cpus", "cpus", cpu.cpus()), ("cpuset.mems", "mems", cpu.mems())]
        {
            let Some(list) = list.as_deref().map(str::trim).filter(|list| !list.is_empty()) else {
                continue;
            };
            let field = format!("linux.resources.cpu.{name}");
            if numbers(list).is_none() {
                let reason = "not a list of numbers and ranges, such as 0-3,7";
                return Err(Error::invalid(field, format!("{list:?}"), reason));
            }
            self.write(file, list, &field)?;
        }
        Ok(())
    }

    /// What is in use is limited, and what is reserved: with the first alone, a process would learn
    /// of its limit by SIGBUS. Kernels before 5.7 have no file for the second.
    pub(super) fn huge_pages(&mut self, limits: &[LinuxHugepageLimit]) -> Result<()> {
        for limit in limits {
            let size = limit.page_size();
            let field = format!("linux.resources.hugepageLimits[{size}]");
            if !is_page_size(size) {
                let reason = "not a size such as 64KB, 2MB or 1GB";
                let field = "linux.resources.hugepageLimits.pageSize";
                return Err(Error::invalid(field, format!("{size:?}"), reason));
            }
            let Ok(bytes) = u64::try_from(limit.limit()) else {
                return Err(Error::invalid(field, limit.limit(), "not a number of bytes"));
            };
            self.write(&format!("hugetlb.{size}.max"), bytes, &field)?;
            let file = format!("hugetlb.{size}.rsvd.max");
            self.write_or(&file, bytes, &field, Missing::Ignore)?;
        }
        Ok(())
    }

    pub(super) fn rdma(&mut self, devices: Option<&HashMap<String, LinuxRdma>>) -> Result<()> {
        let mut devices: Vec<_> = devices.into_iter().flatten().collect();
        devices.sort_by_key(|(name, _)| *name);
        for (name, limits) in devices {
            let field = format!("linux.resources.rdma[{name:?}]");
            if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
                let reason = "not the name of a device";
                return Err(Error::invalid("linux.resources.rdma", format!("{name:?}"), reason));
            }
            let (handles, objects) = (limits.hca_handles(), limits.hca_objects());
            if handles.is_none() && objects.is_none() {
                let reason = "has neither hcaHandles nor hcaObjects";
                return Err(Error::invalid(field, "{}", reason));
            }
            let shown = |limit: Option<u32>| limit.map_or(UNLIMITED.to_owned(), |n| n.to_string());
            let value =
                format!("{name} hca_handle={} hca_object={}", shown(handles), shown(objects));
            self.write("rdma.max", value, &field)?;
        }
        Ok(())
    }
}

/// config-linux.md, "Huge page limits".
fn is_page_size(size: &str) -> bool {
    let unit = ["KB", "MB", "GB"].iter().find_map(|unit| size.strip_suffix(unit));
    unit.is_some_and(|number| {
        number.bytes().all(|byte| byte.is_ascii_digit())
            && number.parse::<u64>().is_ok_and(|n| n > 0)
    })
}
