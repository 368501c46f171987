//! config-linux.md, "Personality".

use crate::{refuses, shows};
use anyhow::Result;
use serde_json::json;
use std::env::consts::ARCH;
use tests::Bundle;

fn domain(name: &'static str) -> impl Fn(Bundle) -> Bundle {
    move |bundle| bundle.with("/linux/personality", json!({ "domain": name }))
}

#[test]
fn linux32_is_a_machine_of_32_bits() -> Result<()> {
    if ARCH != "x86_64" {
        let test = "config_linux::personality::linux32_is_a_machine_of_32_bits";
        return tests::skipped(test, "what uname says is known of x86_64 alone");
    }
    shows("uname -m", domain("LINUX32"), "i686")
}

#[test]
fn linux_is_the_machine_that_it_is() -> Result<()> {
    shows("uname -m", domain("LINUX"), ARCH)
}

#[test]
fn a_domain_is_required() -> Result<()> {
    refuses(|bundle| bundle.with("/linux/personality", json!({ "flags": [] })))
}
