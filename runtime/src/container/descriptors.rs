//! The descriptors after stdio that a program keeps: those that its caller says, and before them
//! those of systemd's socket activation.

use crate::error::{Error, Result};
use crate::plan::Descriptors;
use crate::sys::descriptor;
use std::env;

/// The first one after stderr.
const FIRST: u32 = 3;

/// More than a process can have by default.
const MOST: u32 = 1 << 20;

/// Makes sure that the caller has left open what the program is to keep: `others` of them, beside
/// those that systemd says this process has (`sd_listen_fds(3)`).
pub(super) fn kept(others: u32) -> Result<Descriptors> {
    let descriptors = Descriptors { listening: listening(), others };
    only(descriptors)
}

/// The same without systemd's, which are for a container's first process.
pub(super) fn kept_by_exec(others: u32) -> Result<Descriptors> {
    only(Descriptors { listening: 0, others })
}

fn only(descriptors: Descriptors) -> Result<Descriptors> {
    let Descriptors { listening, others } = descriptors;
    let all = listening.saturating_add(others);
    let invalid = |reason: String| Error::invalid("--preserve-fds", others, reason);
    if all > MOST {
        return Err(invalid(format!("more than {MOST} descriptors")));
    }
    match (FIRST..FIRST + all).find(|number| !descriptor::is_inherited(number.cast_signed())) {
        Some(closed) => Err(invalid(format!("descriptor {closed} is not open"))),
        None => Ok(descriptors),
    }
}

fn listening() -> u32 {
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    if number("LISTEN_PID") == Some(std::process::id()) {
        return number("LISTEN_FDS").unwrap_or(0);
    }
    0
}
