//! config-linux.md, "Network Devices": from a network namespace that stands for the host's.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::process::ExitStatus;
use tests::Root;

/// Runs a container where there is a device `d0` with addresses, and its other end `d1`.
fn run(devices: Value, script: &str) -> Result<(ExitStatus, String)> {
    const HOST: &str = "exec unshare --net bash -ec '
        ip link add d0 type veth peer name d1
        ip link set d0 address 02:00:00:00:00:05 mtu 1400
        ip address add 10.1.2.3/24 dev d0
        ip address add fd00::7/64 dev d0 nodad
        ip link set d1 up
        exec \"$@\"' bash \"$@\"";
    let root = Root::new()?;
    let bundle = root.shell(script)?.with("/linux/netDevices", devices);
    bundle.write()?;
    let path = bundle.path().to_str().context("a path")?;
    let args = ["run", "--bundle", path, &root.id("c")];
    let output = root.start_by_shell(HOST, &args)?.finish()?;
    Ok((output.status, output.stdout + &output.stderr))
}

fn shows(devices: Value, script: &str, expected: &str) -> Result<()> {
    let (status, seen) = run(devices, script)?;
    ensure!(status.success() && seen.contains(expected), "{seen}");
    Ok(())
}

#[test]
fn a_device_is_moved_under_its_name() -> Result<()> {
    shows(json!({ "d0": {} }), "ls /sys/class/net", "d0\n")
}

#[test]
fn a_device_is_moved_under_another_name() -> Result<()> {
    shows(json!({ "d0": { "name": "eth7" } }), "ls /sys/class/net", "eth7\n")
}

#[test]
fn the_kernel_finds_a_name_for_a_template() -> Result<()> {
    shows(json!({ "d0": { "name": "pea%d" } }), "ls /sys/class/net", "pea0\n")
}

#[test]
fn a_name_that_is_there_is_an_error() -> Result<()> {
    let (status, seen) = run(json!({ "d0": { "name": "lo" } }), "echo it runs")?;
    ensure!(!status.success() && !seen.contains("it runs"), "{seen}");
    Ok(())
}

#[test]
fn a_device_that_is_not_there_is_an_error() -> Result<()> {
    let (status, seen) = run(json!({ "gone7": {} }), "echo it runs")?;
    ensure!(!status.success() && !seen.contains("it runs"), "{seen}");
    Ok(())
}

#[test]
fn it_keeps_its_hardware_address() -> Result<()> {
    shows(json!({ "d0": {} }), "cat /sys/class/net/d0/address", "02:00:00:00:00:05")
}

#[test]
fn it_keeps_its_mtu() -> Result<()> {
    shows(json!({ "d0": {} }), "cat /sys/class/net/d0/mtu", "1400")
}

#[test]
fn it_keeps_its_permanent_addresses_of_ipv4() -> Result<()> {
    shows(json!({ "d0": {} }), "ip address show d0", "inet 10.1.2.3/24")
}

#[test]
fn it_keeps_its_permanent_addresses_of_ipv6() -> Result<()> {
    shows(json!({ "d0": {} }), "ip address show d0", "inet6 fd00::7/64 scope global")
}

#[test]
fn it_is_up() -> Result<()> {
    shows(json!({ "d0": {} }), "ip link show d0", ",UP")
}

#[test]
fn it_needs_a_network_namespace_of_its_own() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?;
    let namespaces = bundle.field("/linux/namespaces").as_array().context("namespaces")?;
    let kept: Vec<_> = namespaces.iter().filter(|one| one["type"] != "network").cloned().collect();
    let bundle =
        bundle.with("/linux/namespaces", kept).with("/linux/netDevices", json!({ "lo": {} }));
    let created = root.try_create("c", &bundle, &[])?;
    root.adopt_all()?;
    root.run(&["delete", "--force", &root.id("c")])?;
    ensure!(!created.status.success());
    Ok(())
}
