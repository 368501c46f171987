//! How long each phase of a start takes, for whoever asks: the events of Chrome's trace format,
//! which Perfetto and `about:tracing` show. Nobody pays for it but who asks.

use crate::error::{Error, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::process;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// Set once by whoever asks.
static TRACE: OnceLock<Mutex<Trace>> = OnceLock::new();

#[derive(Debug)]
struct Trace {
    start: Instant,
    /// What is being done, and since when.
    current: Option<(&'static str, Instant)>,
    events: Vec<Value>,
}

/// Begins to take the time. The first phase begins with it.
pub fn trace() {
    let start = Instant::now();
    let trace = Trace { start, current: Some(("command line", start)), events: Vec::new() };
    let _first = TRACE.set(Mutex::new(trace));
}

/// A phase begins, and with it the one before ends.
pub(crate) fn phase(name: &'static str) {
    if let Some(trace) = TRACE.get() {
        trace.lock().unwrap_or_else(PoisonError::into_inner).go_on(Some(name));
    }
}

/// The last phase ends. Writes all of them to the file `path`.
///
/// # Errors
///
/// [`Error::InvalidSpec`] if it cannot be written.
pub fn write_trace(path: &Path) -> Result<()> {
    let Some(trace) = TRACE.get() else { return Ok(()) };
    let mut trace = trace.lock().unwrap_or_else(PoisonError::into_inner);
    trace.go_on(None);
    let text = json!({ "displayTimeUnit": "ms", "traceEvents": trace.events }).to_string();
    let failed =
        |error: std::io::Error| Error::invalid("--trace", path.display(), error.to_string());
    std::fs::write(path, text).map_err(failed)
}

impl Trace {
    fn go_on(&mut self, next: Option<&'static str>) {
        let now = Instant::now();
        if let Some((name, since)) = self.current.take() {
            let microseconds = |time: std::time::Duration| time.as_secs_f64() * 1e6;
            self.events.push(json!({
                "name": name, "cat": "peapod", "ph": "X", "pid": process::id(), "tid": 0,
                "ts": microseconds(since - self.start), "dur": microseconds(now - since),
            }));
        }
        self.current = next.map(|name| (name, now));
    }
}
