//! The shim's log: its standard error, which is containerd's fifo in the bundle, and never lets
//! anybody wait.

use std::fmt;
use std::io::{self, Write};

/// Where lines go.
#[derive(Debug)]
pub(crate) struct Log;

impl Log {
    /// Writes a line, at once.
    #[expect(clippy::unused_self, reason = "whoever has it may write")]
    pub(crate) fn say(&self, line: impl fmt::Display) {
        let line = format!("containerd-shim-peapod-v1: {line}\n");
        // The fifo is full: containerd is away.
        let _lost = io::stderr().write_all(line.as_bytes());
    }
}
