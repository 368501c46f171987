//! Loggers whose process was deleted: each is asked to end, and ended when it does not.

use super::serve::Shim;
use crate::event_loop::{Key, Timer};
use peapod::sys::fork::{Process, SIGKILL, SIGTERM};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a logger may take to end, as under containerd's own shim.
const PATIENCE: Duration = Duration::from_secs(12);

/// Those that were asked. The shim does not end before them.
#[derive(Debug, Default)]
pub(super) struct Loggers(BTreeMap<Key, Process>);

impl Loggers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One has had its time.
    pub(super) fn end(&mut self, key: Key) {
        if let Some(logger) = self.0.remove(&key) {
            // It may have ended just now.
            let _ = logger.signal(SIGKILL);
        }
    }

    /// A process has ended; answers whether it was one of these.
    pub(super) fn forget(&mut self, pid: i32) -> bool {
        let before = self.0.len();
        self.0.retain(|_, logger| logger.pid() != pid);
        self.0.len() < before
    }
}

impl Shim {
    /// Asks a logger to end, which has read all, and knows it.
    pub(super) fn dismiss(&mut self, logger: Option<Process>) {
        let Some(logger) = logger else { return };
        if matches!(logger.signal(SIGTERM), Ok(true)) {
            let key = self.events.key();
            self.events.set_timer(Instant::now() + PATIENCE, Timer::Logger(key));
            self.loggers.0.insert(key, logger);
        }
    }
}
