//! `peapod ps`: lists the processes of a container.

use super::{Format, print_json};
use anyhow::{Context, Result, ensure};
use peapod::container::{Root, processes};
use std::io::Write;
use std::process::{Command, Stdio};

/// List the processes of a container
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The format of the list: what ps(1) prints, or the pids alone
    #[arg(short, long, default_value = "table")]
    format: Format,

    /// The container
    id: String,

    /// Arguments for ps(1) [default: -ef]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PS ARGUMENTS")]
    arguments: Vec<String>,
}

impl Arguments {
    pub(super) fn run(&self, root: &Root) -> Result<()> {
        let pids = processes(root, &self.id)?;
        match self.format {
            Format::Json => print_json(&pids),
            Format::Table => {
                let text = self.ps()?;
                let mut out = std::io::stdout().lock();
                Ok(lines_of(&text, &pids)?.iter().try_for_each(|line| writeln!(out, "{line}"))?)
            }
        }
    }

    /// What ps(1) says of all processes.
    fn ps(&self) -> Result<String> {
        let mut command = Command::new("ps");
        match self.arguments.as_slice() {
            [] => command.arg("-ef"),
            arguments => command.args(arguments),
        };
        let output = command.stderr(Stdio::inherit()).output().context("running ps")?;
        ensure!(output.status.success(), "ps: {}", output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The heading, and the lines of the processes.
fn lines_of<'a>(text: &'a str, pids: &[i32]) -> Result<Vec<&'a str>> {
    let mut lines = text.lines();
    let heading = lines.next().context("ps has printed nothing")?;
    let column = heading.split_whitespace().position(|name| name == "PID");
    let column = column.context("ps has printed no column PID")?;
    let is_ours = |line: &&str| {
        let pid = line.split_whitespace().nth(column).and_then(|pid| pid.parse().ok());
        pid.is_some_and(|pid| pids.contains(&pid))
    };
    Ok([heading].into_iter().chain(lines.filter(is_ours)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart_by_the_column_pid() {
        let text = "UID   PID  PPID CMD\nroot    1     0 init\nroot    7     1 sleep 1\n";
        assert_eq!(lines_of(text, &[7]).unwrap(), [&text[..19], "root    7     1 sleep 1"]);
        assert_eq!(
            lines_of("PPID CMD\n1 x", &[1]).unwrap_err().to_string(),
            "ps has printed no column PID"
        );
    }
}
