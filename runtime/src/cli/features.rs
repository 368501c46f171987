//! `peapod features`: prints what this program can do, as features.md has it.

use super::print_json;
use anyhow::Result;

/// Print what this version supports as JSON
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

impl Arguments {
    #[expect(clippy::unused_self, reason = "every verb is run like this")]
    pub(super) fn run(&self) -> Result<()> {
        print_json(&peapod::features())
    }
}
