//! config-linux.md.

mod cgroups;
mod devices;
mod intel_rdt;
mod mappings;
mod memory_policy;
mod namespaces;
mod net_devices;
mod paths;
mod personality;
mod propagation;
mod resources;
mod seccomp;
mod seccomp_notify;
mod sysctl;
mod time_offsets;
