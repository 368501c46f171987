//! Where messages go: to stderr, or to what `--log` names, in text or in JSON.
//!
//! Callers of runc read the last line of level `error`; the line has runc's form then.

use super::globals::{Globals, Level, LogFormat};
use anyhow::{Context, Result};
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Where journald listens (`systemd.journal-fields(7)`), and where syslog does (`syslog(3)`).
const JOURNAL: &str = "/run/systemd/journal/socket";
const SYSLOG: &str = "/dev/log";

/// `LOG_DAEMON` of `sys/syslog.h`, as it is added to a priority.
const DAEMON: u8 = 3 << 3;

/// Set once, before the verb runs. Without it only stderr hears of anything.
static LOG: OnceLock<Log> = OnceLock::new();

#[derive(Debug)]
struct Log {
    target: Target,
    format: LogFormat,
    level: Level,
}

#[derive(Debug)]
enum Target {
    Stderr,
    File(File),
    Journal { socket: UnixDatagram, name: String },
    Syslog { socket: UnixDatagram, name: String },
}

/// Sends messages from here on where the command line says.
pub(super) fn open(globals: &Globals) -> Result<()> {
    let target = match &globals.log {
        Some(target) if !target.is_empty() => {
            Target::open(target).with_context(|| format!("--log: {target}"))?
        }
        _ => Target::Stderr,
    };
    let level = if globals.debug { Level::Debug } else { globals.log_level };
    // Opened twice only if the first attempt to parse the command line failed.
    let _first = LOG.set(Log { target, format: globals.log_format, level });
    Ok(())
}

/// Tells why nothing came of it: in the log, and on stderr in any case.
pub(crate) fn error(text: &str) {
    let line = one_line(text);
    match LOG.get() {
        Some(log) if !matches!(log.target, Target::Stderr) => {
            log.write(Level::Error, &line);
            say(&format!("peapod: {line}\n"));
        }
        Some(log) => log.write(Level::Error, &line),
        None => say(&format!("peapod: {line}\n")),
    }
}

/// Tells what has been done otherwise than somebody may have expected.
pub(super) fn warning(text: &str) {
    match LOG.get() {
        Some(log) => log.write(Level::Warning, &one_line(text)),
        None => say(&format!("peapod: warning: {}\n", one_line(text))),
    }
}

/// Tells what is done. The text is made only if somebody wants it.
pub(super) fn debug(text: impl FnOnce() -> String) {
    if let Some(log) = LOG.get().filter(|log| log.level >= Level::Debug) {
        log.write(Level::Debug, &one_line(&text()));
    }
}

impl Target {
    /// crun's notation: `file:PATH`, `journald:NAME`, `syslog:NAME`, or a path as runc has it.
    fn open(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("journald", name)) => {
                Ok(Self::Journal { socket: connect(JOURNAL)?, name: name.to_owned() })
            }
            Some(("syslog", name)) => {
                Ok(Self::Syslog { socket: connect(SYSLOG)?, name: name.to_owned() })
            }
            Some(("file", path)) => Self::file(path),
            _ => Self::file(text),
        }
    }

    fn file(path: &str) -> Result<Self> {
        let opened = OpenOptions::new().append(true).create(true).open(Path::new(path));
        Ok(Self::File(opened?))
    }
}

impl Log {
    fn write(&self, level: Level, line: &str) {
        if level > self.level {
            return;
        }
        // A message that cannot be written is lost: there is nobody else to tell.
        let _heard = match &self.target {
            Target::Stderr => {
                say(&self.line_for_stderr(level, line));
                Ok(())
            }
            Target::File(file) => {
                let mut file = file;
                file.write_all(self.line(level, line).as_bytes())
            }
            Target::Journal { socket, name } => {
                let priority = level.priority();
                let entry =
                    format!("MESSAGE={line}\nPRIORITY={priority}\nSYSLOG_IDENTIFIER={name}\n");
                socket.send(entry.as_bytes()).map(drop)
            }
            Target::Syslog { socket, name } => {
                let priority = DAEMON | level.priority();
                let entry = format!("<{priority}>{name}[{}]: {line}", process::id());
                socket.send(entry.as_bytes()).map(drop)
            }
        };
    }

    fn line_for_stderr(&self, level: Level, line: &str) -> String {
        match (self.format, level) {
            (LogFormat::Json, _) => self.line(level, line),
            (LogFormat::Text, Level::Error) => format!("peapod: {line}\n"),
            (LogFormat::Text, level) => format!("peapod: {level}: {line}\n"),
        }
    }

    /// A line of a log as runc writes it.
    fn line(&self, level: Level, line: &str) -> String {
        let time = humantime::format_rfc3339_seconds(SystemTime::now());
        let time = time.to_string();
        match self.format {
            LogFormat::Json => {
                json!({ "level": level.to_string(), "msg": line, "time": time }).to_string() + "\n"
            }
            LogFormat::Text => {
                // A JSON string is what Go quotes it as, too, as far as it is printable.
                format!("time=\"{time}\" level={level} msg={}\n", json!(line))
            }
        }
    }
}

impl Level {
    /// That of `syslog(3)`.
    fn priority(self) -> u8 {
        match self {
            Self::Error => 3,
            Self::Warning => 4,
            Self::Debug => 7,
        }
    }
}

fn connect(path: &str) -> Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path).with_context(|| path.to_owned())?;
    Ok(socket)
}

/// Whatever an error's text may have in it.
fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// In one write, which nobody else's message can come between; and nobody to tell if stderr is
/// closed.
fn say(text: &str) {
    let _heard = std::io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: LogFormat) -> String {
        let log = Log { target: Target::Stderr, format, level: Level::Warning };
        log.line(Level::Error, "no \"such\" thing")
    }

    #[test]
    fn a_line_of_json_is_what_go_runc_parses() {
        let value: serde_json::Value = serde_json::from_str(&line(LogFormat::Json)).unwrap();
        assert_eq!(value["level"], "error");
        assert_eq!(value["msg"], "no \"such\" thing");
        humantime::parse_rfc3339(value["time"].as_str().unwrap()).unwrap();
    }

    #[test]
    fn a_line_of_text_is_that_of_logrus() {
        let line = line(LogFormat::Text);
        assert!(line.starts_with("time=\"20"), "{line}");
        assert!(line.ends_with("Z\" level=error msg=\"no \\\"such\\\" thing\"\n"), "{line}");
    }
}
