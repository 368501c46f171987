//! Takes memory and touches it, one MiB after the other: `memory-hog MIB`.

use std::{
    env,
    hint::black_box,
    io::{self, Write},
};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let mib: usize = env::args().nth(1).context("usage: memory-hog MIB")?.parse()?;
    let mut taken = Vec::with_capacity(mib);
    for _ in 0..mib {
        // Ones, since the kernel gives out zeroes without touching a page.
        taken.push(black_box(vec![1_u8; 1 << 20]));
    }
    writeln!(io::stdout(), "touched {} MiB", taken.len())?;
    Ok(())
}
