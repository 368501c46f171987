//! The profile that podman and CRI-O run containers with.

use crate::compare::{Dice, Tally, same};
use crate::oracle::{AARCH64, ARM, Arch, RISCV64, X32, X86, X86_64};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;

/// Of Debian's package golang-github-containers-common.
const PATH: &str = "/usr/share/containers/seccomp.json";

/// What podman makes of the file for a container with these capabilities on a machine of that kind:
/// rules that are for others are left out.
fn profile(machine: &str, archs: &[Arch], capabilities: &[&str]) -> Result<Value> {
    let file: Value = serde_json::from_slice(&fs::read(PATH).context(PATH)?)?;
    let applies = |rule: &Value| {
        let list = |of: &str, what: &str| rule[of][what].as_array().cloned().unwrap_or_default();
        let has = |name: &Value| capabilities.iter().any(|capability| name == capability);
        let includes_machine = list("includes", "arches");
        list("includes", "caps").iter().all(has)
            && !list("excludes", "caps").iter().any(has)
            && (includes_machine.is_empty() || includes_machine.contains(&machine.into()))
    };
    let rules =
        file["syscalls"].as_array().context("no rules")?.iter().filter(|rule| applies(rule));
    let rules: Vec<_> = rules
        .map(|rule| {
            json!({ "names": rule["names"], "action": rule["action"], "args": rule["args"],
                    "errnoRet": rule["errnoRet"] })
        })
        .collect();
    let names: Vec<_> = archs.iter().map(|arch| arch.name).collect();
    Ok(json!({ "defaultAction": file["defaultAction"], "defaultErrnoRet": file["defaultErrnoRet"],
               "architectures": names, "syscalls": rules }))
}

fn agrees(machine: &str, archs: &[Arch]) -> Result<()> {
    const MANY: [&str; 4] =
        ["CAP_SYS_ADMIN", "CAP_AUDIT_WRITE", "CAP_SYS_CHROOT", "CAP_DAC_READ_SEARCH"];
    for capabilities in [&[][..], &["CAP_SYS_CHROOT"], &MANY] {
        let mut tally = Tally::default();
        let profile = profile(machine, archs, capabilities)?;
        same(&profile, &mut Dice::new(1), &mut tally)?;
        ensure!(tally.refused == 0, "libseccomp refuses the profile for {capabilities:?}");
        ensure!(tally.compared > 10_000, "only {} calls", tally.compared);
        println!("{machine}: libseccomp does not know {:?}", tally.unknown);
    }
    Ok(())
}

#[test]
fn on_x86_it_is_what_libseccomp_makes_of_it() -> Result<()> {
    agrees("amd64", &[X86_64, X86, X32])
}

#[test]
fn on_arm_it_is_what_libseccomp_makes_of_it() -> Result<()> {
    agrees("arm64", &[AARCH64, ARM])
}

#[test]
fn on_riscv_it_is_what_libseccomp_makes_of_it() -> Result<()> {
    agrees("riscv64", &[RISCV64])
}
