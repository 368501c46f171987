//! The number of this process, for a program that systemd listens for: it takes the descriptors for
//! its own only if that is in `LISTEN_PID` (`sd_listen_fds(3)`).

use super::Init;
use crate::sys::{Result, process};
use std::io::Write;

/// Done by the process that becomes the program: in a PID namespace that it shares it has a number
/// that nobody could know before.
pub(super) fn tell_pid(init: &Init<'_>) -> Result<()> {
    let process = &init.plan.process;
    if process.preserved.listening == 0 {
        return Ok(());
    }
    let mut digits = [0; 16];
    let room = digits.len();
    let mut rest = digits.as_mut_slice();
    // A number of 32 bits has ten at most.
    let _fits = write!(rest, "{}", process::this_pid());
    let len = room - rest.len();
    process.envp.add([b"LISTEN_PID=", &digits[..len]])
}
