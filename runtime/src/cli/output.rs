//! What verbs print: JSON, tables, and warnings.

use super::log;
use anyhow::Result;
use serde::Serialize;
use std::io::Write;

/// The format of a list.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Format {
    Table,
    Json,
}

/// Prints JSON, as a whole or not at all.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(std::io::stdout().lock().write_all(&text)?)
}

/// Prints a text as it is.
pub(super) fn print(text: &str) -> Result<()> {
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

/// Prints rows in columns as wide as their widest cell.
pub(super) fn table(rows: &[Vec<String>]) -> Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column| rows.iter().filter_map(|row| row.get(column)).map(String::len).max();
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = std::io::stdout().lock();
    for row in rows {
        let cells: Vec<_> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", cells.join("   ").trim_end())?;
    }
    Ok(())
}

/// Tells of warnings. That nobody hears them is no error: what was asked for has been done.
pub(super) fn warn(warnings: &[String]) -> Result<()> {
    warnings.iter().for_each(|warning| log::warning(warning));
    Ok(())
}
