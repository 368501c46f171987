//! Says what is wrong with config.json: serde's words, put in the order field, value, reason.

use super::strict::DUPLICATE_KEY;
use crate::error::Error;
use serde_json::error::Category;
use serde_path_to_error::Segment;
use std::path::Path;

/// The error of a text that is not even the beginning of an object. The reason that `serde_json`
/// gives for an empty file is "EOF", and for an array that it has no fields.
pub(super) fn not_an_object(path: &Path, text: &[u8]) -> Option<Error> {
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    let found = match first {
        Some(b'{') => return None,
        None => "empty".to_owned(),
        Some(byte) => format!("begins with {:?}", char::from(*byte)),
    };
    Some(Error::invalid(path.display().to_string(), found, "expected an object, in JSON"))
}

/// The error of a text that is not JSON.
pub(super) fn syntax(path: &Path, error: &serde_json::Error) -> Error {
    let (message, place) = split(error);
    Error::invalid(path.display().to_string(), place, message)
}

/// The error of a text that is not JSON, or of a value that is not of the type that it should have.
pub(super) fn error(path: &Path, error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let inner = error.inner();
    if inner.classify() != Category::Data {
        return syntax(path, inner);
    }
    let (message, place) = split(inner);
    let at = error.path();
    let field = at.to_string();
    if let Some(key) = quoted(&message, "missing field ") {
        return Error::invalid(join(at, key), "missing", format!("required ({place})"));
    }
    if let Some(key) = quoted(&message, DUPLICATE_KEY) {
        return Error::invalid(join(at, key), "given twice", place);
    }
    if let Some(rest) = message.strip_prefix("no variant for ") {
        let name = rest.split(" (").next().unwrap_or(rest);
        return Error::invalid(field, name, format!("unknown capability ({place})"));
    }
    for (prefix, reason) in
        [("invalid type: ", ""), ("invalid value: ", ""), ("unknown variant ", "unknown, ")]
    {
        if let Some((value, expected)) =
            message.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected "))
        {
            let expected = if expected.starts_with("struct ") { "an object" } else { expected };
            let reason = format!("{reason}expected {expected} ({place})");
            return Error::invalid(field, value, reason);
        }
    }
    Error::invalid(field, message, place)
}

/// The message, and the place that `serde_json` puts at its end.
fn split(error: &serde_json::Error) -> (String, String) {
    let place = format!("line {} column {}", error.line(), error.column());
    let mut message = error.to_string();
    if let Some(without) = message.strip_suffix(&format!(" at {place}")) {
        message.truncate(without.len());
    }
    (message, place)
}

fn quoted<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    message.strip_prefix(prefix)?.strip_prefix('`')?.strip_suffix('`')
}

/// A property of the object at `path`, whose last part is unknown if it is not the property that
/// was read last.
fn join(path: &serde_path_to_error::Path, key: &str) -> String {
    let known = path.iter().take_while(|part| !matches!(part, Segment::Unknown));
    let mut field = String::new();
    for part in known {
        let is_first = field.is_empty() || matches!(part, Segment::Seq { .. });
        field.push_str(if is_first { "" } else { "." });
        field.push_str(&part.to_string());
    }
    if field.is_empty() { key.to_owned() } else { format!("{field}.{key}") }
}
