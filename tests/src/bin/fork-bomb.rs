//! Starts processes that stay, until the kernel refuses one or LIMIT are there: `fork-bomb LIMIT`.
//! Prints how many it could start, and why no more.

use std::{
    env,
    io::{self, Read, Write},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

const STAY: &str = "stay";

fn main() -> Result<()> {
    let argument = env::args().nth(1).context("usage: fork-bomb LIMIT")?;
    if argument == STAY { stay() } else { bomb(argument.parse()?) }
}

/// Lasts until the process that started it, which holds the other end of this pipe, is gone.
fn stay() -> Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn bomb(limit: usize) -> Result<()> {
    let mut children = Vec::new();
    let mut end = String::from("that was the limit");
    while children.len() < limit {
        match Command::new("/proc/self/exe").arg(STAY).stdin(Stdio::piped()).spawn() {
            Ok(child) => children.push(child),
            Err(refusal) => {
                end = refusal.to_string();
                break;
            }
        }
    }
    writeln!(io::stdout(), "started {}: {end}", children.len())?;
    for mut child in children {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}
