//! Network devices of the host that the container takes over (config-linux.md, "Network Devices").

use oci_spec::runtime::Linux;

/// A device, and what it is called inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetDevice {
    pub(crate) host: String,
    pub(crate) name: String,
}

pub(super) fn build(linux: &Linux) -> Vec<NetDevice> {
    let asked = linux.net_devices().iter().flatten();
    let mut devices: Vec<_> = asked
        .map(|(host, device)| {
            let name = device.name().as_deref().filter(|name| !name.is_empty());
            NetDevice { host: host.clone(), name: name.unwrap_or(host).to_owned() }
        })
        .collect();
    devices.sort_by(|one, other| one.host.cmp(&other.host));
    devices
}
