//! Waits for SIGTERM, prints when it came, in nanoseconds since 1970, and ends.

use anyhow::Result;
use nix::sys::signal::{SigSet, Signal};
use std::io::{Write, stdout};
use std::time::{SystemTime, UNIX_EPOCH};

fn main() -> Result<()> {
    let mut awaited = SigSet::empty();
    awaited.add(Signal::SIGTERM);
    awaited.thread_block()?;
    writeln!(stdout(), "ready")?;
    awaited.wait()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(writeln!(stdout(), "{}", now.as_nanos())?)
}
