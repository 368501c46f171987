//! `peapod spec`: writes a config.json to begin with.

use anyhow::{Context, Result, bail};
use peapod::{Owner, template};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

/// Write a config.json to begin with
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The directory to write it to
    #[arg(short, long, default_value = ".", value_name = "DIR")]
    bundle: PathBuf,

    /// The file to write, below that directory
    #[arg(short, long, default_value = "config.json", value_name = "FILE")]
    file: PathBuf,

    /// For a container that is run by another user than root: by who runs this
    #[arg(long)]
    rootless: bool,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<()> {
        let config = template(self.rootless.then(Owner::of_this_process));
        let path = self.bundle.join(&self.file);
        let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
            // In runc's words, which its callers know.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                bail!("File {} exists. Remove it first", self.file.display());
            }
            opened => opened.with_context(|| path.display().to_string())?,
        };
        writeln!(file, "{config:#}").with_context(|| path.display().to_string())
    }
}
