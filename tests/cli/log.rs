//! `--log`, `--log-format` and `--debug`.

use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::os::unix::net::UnixDatagram;
use tests::Root;

fn lines(text: &str) -> Result<Vec<Value>> {
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// go-runc shows its user the last line of level `error`.
#[test]
fn a_fatal_error_is_in_the_log_and_on_stderr() -> Result<()> {
    let root = Root::new()?;
    let log = root.file("log");
    let path = log.to_str().context("a path")?;
    let args = ["--log", path, "--log-format", "json", "state", "nobody"];
    let message = root.run(&args)?.refused()?;
    assert_eq!(message, "container nobody does not exist");
    let lines = lines(&fs::read_to_string(&log)?)?;
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["level"], &lines[0]["msg"]), (&"error".into(), &message.into()));
    assert!(lines[0]["time"].as_str().is_some_and(|time| time.ends_with('Z')));
    Ok(())
}

#[test]
fn the_log_is_text_unless_it_is_to_be_json() -> Result<()> {
    let root = Root::new()?;
    let log = root.file("log");
    let target = format!("file:{}", log.to_str().context("a path")?);
    for _ in 0..2 {
        root.run(&["--log", &target, "state", "nobody"])?.refused()?;
    }
    let text = fs::read_to_string(&log)?;
    // Appended: it is one log for the whole life of a container.
    assert_eq!(text.lines().count(), 2);
    let wanted = "level=error msg=\"container nobody does not exist\"";
    assert!(text.lines().all(|line| line.starts_with("time=\"") && line.ends_with(wanted)));
    Ok(())
}

#[test]
fn a_warning_has_its_level_and_is_no_output() -> Result<()> {
    let root = Root::new()?;
    let log = root.file("log");
    let path = log.to_str().context("a path")?;
    // Nobody has this one to give: not from here on.
    let bundle = root.shell("true")?.with("/process/capabilities/ambient", ["CAP_KILL"]);
    bundle.write()?;
    let bundle = bundle.path().to_str().context("a path")?;
    let (id, json) = (root.id("c"), "--log-format=json");
    let said = root.run(&["--log", path, json, "run", "--bundle", bundle, &id])?;
    assert_eq!((said.stderr.as_str(), said.status.success()), ("", true));
    let lines = lines(&fs::read_to_string(&log)?)?;
    assert_eq!(lines[0]["level"], "warning");
    assert!(lines[0]["msg"].as_str().is_some_and(|text| text.contains("CAP_KILL")), "{lines:?}");
    Ok(())
}

#[test]
fn debug_says_what_was_asked_for_and_error_only_what_failed() -> Result<()> {
    let root = Root::new()?;
    let said = root.run(&["--debug", "--log-format=json", "list"])?;
    let lines = lines(&said.stderr)?;
    assert_eq!(lines[0]["level"], "debug");
    assert!(lines[0]["msg"].as_str().is_some_and(|text| text.contains("\"list\"")), "{lines:?}");
    assert_eq!(root.run(&["--log-level=error", "list"])?.stderr, "");
    Ok(())
}

#[test]
fn what_is_wrong_with_the_command_line_is_logged_too() -> Result<()> {
    let root = Root::new()?;
    let log = root.file("log");
    let path = log.to_str().context("a path")?;
    root.run(&["--log", path, "--log-format", "json", "state", "--bogus", "c"])?.refused()?;
    let lines = lines(&fs::read_to_string(&log)?)?;
    let message = lines[0]["msg"].as_str().context("no message")?;
    assert!(message.contains("flag provided but not defined: --bogus"), "{message}");
    Ok(())
}

#[test]
fn a_log_that_cannot_be_written_is_an_error() -> Result<()> {
    let root = Root::new()?;
    let message = root.run(&["--log", "/nowhere/log", "list"])?.refused()?;
    assert!(message.starts_with("--log: /nowhere/log: "), "{message}");
    Ok(())
}

#[test]
fn without_a_journal_there_is_no_log_in_it() -> Result<()> {
    let there = UnixDatagram::unbound()?.connect("/run/systemd/journal/socket").is_ok();
    let said = Root::new()?.run(&["--log", "journald:test", "list"])?;
    assert_eq!(said.status.success(), there, "{said:?}");
    Ok(())
}
