//! Network devices that are moved from the host to a container: from a network namespace that
//! stands for the host's.

use anyhow::{Context, Result};
use serde_json::json;
use tests::{Bundle, Root};

/// Runs a container where there is a device `d0` with addresses, and its other end.
fn run(root: &Root, name: &str, bundle: &Bundle) -> Result<tests::Output> {
    const HOST: &str = "exec unshare --net bash -ec '
        ip link add d0 type veth peer name d1
        ip link set d0 address 02:00:00:00:00:05 mtu 1400
        ip address add 10.1.2.3/24 broadcast + dev d0
        ip address add fd00::7/64 dev d0 nodad
        ip link set d0 up
        ip link set d1 up
        \"$@\"
        ip -brief link show >&2' bash \"$@\"";
    bundle.write()?;
    let path = bundle.path().to_str().context("a path")?;
    root.start_by_shell(HOST, &["run", "--bundle", path, &root.id(name)])?.finish()
}

const SHOW: &str = "ip link show; ip address show; cat /sys/class/net/*0/mtu";

#[test]
fn a_device_is_moved_with_its_addresses_and_is_up() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell(SHOW)?.with("/linux/netDevices", json!({ "d0": {} }));
    let output = run(&root, "c", &bundle)?;
    let seen = output.stdout.clone();
    assert!(seen.contains("d0@") && seen.contains("UP"), "{seen}");
    assert!(seen.contains("02:00:00:00:00:05") && seen.contains("1400"), "{seen}");
    assert!(seen.contains("inet 10.1.2.3/24 brd 10.1.2.255 scope global"), "{seen}");
    assert!(seen.contains("inet6 fd00::7/64 scope global"), "{seen}");
    // Its other end is there, it itself is not. With the container it has gone.
    assert!(!output.stderr.contains("d0"), "{}", output.stderr);
    output.ok()?;
    root.has_nothing_left()
}

#[test]
fn a_device_has_another_name_inside() -> Result<()> {
    let root = Root::new()?;
    let devices = json!({ "d0": { "name": "eth0" }, "d1": { "name": "d0" } });
    let bundle = root.shell("ls /sys/class/net; ip address show eth0")?;
    let seen = run(&root, "c", &bundle.with("/linux/netDevices", devices))?.ok()?;
    assert!(seen.starts_with("d0\neth0\nlo\n") && seen.contains("10.1.2.3/24"), "{seen}");
    Ok(())
}

#[test]
fn a_device_that_is_not_there_or_clashes_is_named_and_nothing_is_left() -> Result<()> {
    let root = Root::new()?;
    for (number, (devices, line)) in [
        (json!({ "gone0": {} }), "linux.netDevices: \"gone0\": no such network device on the host"),
        (
            json!({ "d0": { "name": "lo" } }),
            "linux.netDevices[\"d0\"]: \"lo\": the network namespace",
        ),
        (
            json!({ "d0": { "name": "x" }, "d1": { "name": "x" } }),
            "linux.netDevices[\"d1\"]: \"x\": ",
        ),
        (json!({ "d0": { "name": "a/b" } }), "linux.netDevices[\"d0\"]: \"a/b\": not a name"),
    ]
    .into_iter()
    .enumerate()
    {
        let bundle = root.bundle(&["true"])?.with("/linux/netDevices", devices);
        let message = run(&root, &format!("c{number}"), &bundle)?.stderr;
        assert!(message.contains(line), "{message}");
    }
    root.has_nothing_left()
}

#[test]
fn a_container_in_the_hosts_network_has_no_devices_of_its_own() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?.with("/linux/netDevices", json!({ "d0": {} }));
    let namespaces = bundle.field("/linux/namespaces").as_array().context("namespaces")?;
    let others: Vec<_> =
        namespaces.iter().filter(|one| one["type"] != "network").cloned().collect();
    let message =
        root.try_create("c", &bundle.with("/linux/namespaces", others), &[])?.refused()?;
    assert!(
        message.starts_with("linux.netDevices: \"d0\": needs a network namespace"),
        "{message}"
    );
    Ok(())
}
