//! The shim's log: containerd's fifo in the bundle, which it shows among its own lines.

use peapod::sys::pipe::{self, End};
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Where lines go. One that nobody reads in time is lost: nobody waits for it.
#[derive(Debug, Default)]
pub(crate) struct Log(Option<File>);

impl Log {
    /// The log of the shim whose bundle is `bundle`; without a fifo, none.
    pub(crate) fn open(bundle: &Path) -> Self {
        Self(pipe::open_fifo(&bundle.join("log"), End::Both).ok().map(File::from))
    }

    /// Writes a line.
    pub(crate) fn say(&mut self, line: impl fmt::Display) {
        if let Some(file) = &mut self.0 {
            let line = format!("containerd-shim-peapod-v1: {line}\n");
            // The fifo is full: containerd is away.
            let _lost = file.write_all(line.as_bytes());
        }
    }
}
