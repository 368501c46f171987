//! `peapod list`: lists containers.

use super::{Format, print_json, table};
use anyhow::Result;
use peapod::container::{Report, Root, Row, list};

/// List containers
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The format of the list
    #[arg(short, long, default_value = "table")]
    format: Format,

    /// Print ids only
    #[arg(short, long)]
    quiet: bool,
}

const HEADER: [&str; 6] = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"];

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        let rows = list(root)?;
        if self.quiet {
            return table(&rows.iter().map(|row| vec![id(row).to_owned()]).collect::<Vec<_>>());
        }
        match self.format {
            Format::Table => {
                let header = HEADER.map(str::to_owned).to_vec();
                table(&[vec![header], rows.iter().map(cells).collect()].concat())
            }
            Format::Json => print_json(&whole(&rows)),
        }
    }
}

fn id(row: &Row) -> &str {
    match row {
        Row::Whole(report) => &report.id,
        Row::Corrupt { id, .. } => id,
    }
}

fn cells(row: &Row) -> Vec<String> {
    match row {
        Row::Whole(report) => vec![
            report.id.clone(),
            report.pid.to_string(),
            report.status.to_string(),
            report.bundle.display().to_string(),
            report.created.clone(),
            report.owner.clone(),
        ],
        Row::Corrupt { id, reason } => {
            vec![id.clone(), "-".to_owned(), "corrupt".to_owned(), reason.to_string()]
        }
    }
}

fn whole(rows: &[Row]) -> Vec<&Report> {
    rows.iter()
        .filter_map(|row| match row {
            Row::Whole(report) => Some(report),
            Row::Corrupt { .. } => None,
        })
        .collect()
}
