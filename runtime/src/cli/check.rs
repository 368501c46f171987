//! `peapod check`: says what is wrong with a bundle, all at once.

use super::output::print;
use super::{Failed, Format, print_json};
use peapod::container::{Problem, check};
use std::path::PathBuf;

/// Say all that is wrong with a bundle on this host, and what to do about it; exit with 1 if
/// anything is
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The format of the list: a line for each problem and one for its remedy, or JSON
    #[arg(short, long, default_value = "table")]
    format: Format,

    /// The directory that holds config.json
    #[arg(default_value = ".")]
    bundle: PathBuf,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<u8, Failed> {
        let problems = check(&self.bundle).map_err(anyhow::Error::from)?;
        match self.format {
            Format::Json => print_json(&problems)?,
            Format::Table => print(&problems.iter().map(lines).collect::<String>())?,
        }
        Ok(u8::from(!problems.is_empty()))
    }
}

fn lines(problem: &Problem) -> String {
    let Problem { field, reason, remedy } = problem;
    let colon = if field.is_empty() { "" } else { ": " };
    format!("{field}{colon}{reason}\n    {remedy}\n")
}
