//! config-linux.md, "Network Devices".

use super::namespaces::{Kind, Namespaces};
use crate::error::{Error, Result};
use oci_spec::runtime::Linux;

/// include/uapi/linux/if.h, `IFNAMSIZ`, without the closing NUL.
const LONGEST: usize = 15;

pub(super) fn check(linux: &Linux, namespaces: &Namespaces<'_>) -> Result<()> {
    let mut devices: Vec<_> = linux.net_devices().iter().flatten().collect();
    devices.sort_by_key(|(host, _)| *host);
    let mut names: Vec<&str> = Vec::new();
    for (host, device) in devices {
        let field = format!("linux.netDevices[{host:?}]");
        if !namespaces.has(Kind::Network) {
            let reason = "needs a network namespace to move it to";
            return Err(Error::invalid("linux.netDevices", format!("{host:?}"), reason));
        }
        let name = device.name().as_deref().filter(|name| !name.is_empty()).unwrap_or(host);
        for name in [host, name] {
            if !is_name(name) {
                let reason = "not a name that a network device can have";
                return Err(Error::invalid(field, format!("{name:?}"), reason));
            }
        }
        if names.contains(&name) && !name.contains("%d") {
            let reason = "another device has that name inside";
            return Err(Error::invalid(field, format!("{name:?}"), reason));
        }
        names.push(name);
    }
    Ok(())
}

/// `dev_valid_name` in net/core/dev.c
fn is_name(name: &str) -> bool {
    let is_bad = |c: char| matches!(c, '/' | ':' | '\0') || c.is_ascii_whitespace();
    (1..=LONGEST).contains(&name.len()) && !matches!(name, "." | "..") && !name.contains(is_bad)
}
