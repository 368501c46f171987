//! Makes system calls and says what they answered: `seccomp-probe NUMBER[:ARGUMENT…] …`. Each line
//! is `ok VALUE`, `errno NUMBER`, or `SIGSYS` where the signal of that name came instead.
#![allow(unsafe_code, reason = "system calls by their number")]

use anyhow::{Context, Result};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::env;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

static CAUGHT: AtomicBool = AtomicBool::new(false);

extern "C" fn caught(_signal: libc::c_int) {
    CAUGHT.store(true, Ordering::Relaxed);
}

fn main() -> Result<()> {
    let action = SigAction::new(SigHandler::Handler(caught), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler only stores to an atomic.
    unsafe { sigaction(Signal::SIGSYS, &action) }.context("sigaction")?;
    for call in env::args().skip(1) {
        let words: Result<Vec<u64>, _> = call.split(':').map(str::parse).collect();
        let words = words.with_context(|| call.clone())?;
        let word = |at: usize| words.get(at).copied().unwrap_or(0).cast_signed();
        // SAFETY: the tests ask for calls that do not touch the memory of this process, or with
        // addresses that are none.
        let returned =
            unsafe { libc::syscall(word(0), word(1), word(2), word(3), word(4), word(5), word(6)) };
        let error = io::Error::last_os_error().raw_os_error();
        let mut out = io::stdout();
        match (CAUGHT.swap(false, Ordering::Relaxed), returned) {
            (true, _) => writeln!(out, "SIGSYS")?,
            (false, -1) => writeln!(out, "errno {}", error.unwrap_or(0))?,
            (false, value) => writeln!(out, "ok {value}")?,
        }
    }
    Ok(())
}
