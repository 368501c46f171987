//! config-linux.md, "Sysctl".

use crate::{refuses, shows};
use anyhow::{Result, ensure};
use serde_json::json;
use std::fs;
use tests::Bundle;

fn with_sysctl(key: &'static str, value: &'static str) -> impl Fn(Bundle) -> Bundle {
    move |bundle| bundle.with("/linux/sysctl", json!({ key: value }))
}

#[test]
fn one_of_the_network() -> Result<()> {
    let file = "/proc/sys/net/ipv4/ip_forward";
    shows(&format!("cat {file}"), with_sysctl("net.ipv4.ip_forward", "1"), "1")
}

#[test]
fn one_of_ipc() -> Result<()> {
    shows("cat /proc/sys/kernel/msgmax", with_sysctl("kernel.msgmax", "7777"), "7777")
}

#[test]
fn one_of_message_queues() -> Result<()> {
    shows("cat /proc/sys/fs/mqueue/msg_max", with_sysctl("fs.mqueue.msg_max", "17"), "17")
}

#[test]
fn several_values_in_one() -> Result<()> {
    let key = "net.ipv4.ping_group_range";
    shows("cat /proc/sys/net/ipv4/ping_group_range", with_sysctl(key, "0 77"), "0 77")
}

#[test]
fn the_host_keeps_its_own() -> Result<()> {
    let read = || fs::read_to_string("/proc/sys/kernel/msgmax");
    let before = read()?;
    shows("cat /proc/sys/kernel/msgmax", with_sysctl("kernel.msgmax", "7777"), "7777")?;
    ensure!(read()? == before);
    Ok(())
}

#[test]
fn one_that_would_be_the_hosts_is_an_error() -> Result<()> {
    refuses(with_sysctl("vm.swappiness", "10"))?;
    refuses(with_sysctl("kernel.core_pattern", "core"))
}

#[test]
fn one_that_is_none_is_an_error() -> Result<()> {
    refuses(with_sysctl("net.ipv4.nonsense", "1"))
}
