//! The profile that podman and CRI-O run containers with.

use crate::compare::{Dice, Tally, same};
use crate::oracle::{AARCH64, ARM, Arch, RISCV64, X32, X86, X86_64};
use anyhow::{Result, ensure};
use std::io::{self, Write};
use tests::default_profile;

fn agrees(machine: &str, archs: &[Arch]) -> Result<()> {
    const MANY: [&str; 4] =
        ["CAP_SYS_ADMIN", "CAP_AUDIT_WRITE", "CAP_SYS_CHROOT", "CAP_DAC_READ_SEARCH"];
    let names: Vec<_> = archs.iter().map(|arch| arch.name).collect();
    for capabilities in [&[][..], &["CAP_SYS_CHROOT"], &MANY] {
        let mut tally = Tally::default();
        let profile = default_profile(machine, &names, capabilities)?;
        same(&profile, &mut Dice::new(1), &mut tally)?;
        ensure!(tally.refused == 0, "libseccomp refuses the profile for {capabilities:?}");
        ensure!(tally.compared > 10_000, "only {} calls", tally.compared);
        writeln!(io::stdout(), "{machine}: {tally:?}")?;
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
