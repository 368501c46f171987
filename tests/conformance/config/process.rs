//! config.md, "Process".

use crate::{output, refuses, shows};
use anyhow::Result;
use serde_json::json;
use tests::{Bundle, ConsoleSocket, Root};

#[test]
fn a_container_without_a_process_is_never_started() -> Result<()> {
    // It may be created or not.
    let root = Root::new()?;
    let bundle = root.shell("true")?.without("/process");
    let created = root.try_create("c", &bundle, &[])?.status.success();
    root.adopt_all()?;
    let started = root.run(&["start", &root.id("c")])?.status.success();
    root.run(&["delete", "--force", &root.id("c")])?;
    assert!(!started, "created: {created}");
    Ok(())
}

/// What a container with a terminal shows on it.
fn on_its_terminal(script: &str, change: impl FnOnce(Bundle) -> Bundle) -> Result<String> {
    let root = Root::new()?;
    let bundle = root.shell(&format!("{script}; echo the end; sleep 1000"))?.as_root(&[]);
    let bundle = change(bundle.with("/process/terminal", true));
    let socket = ConsoleSocket::listen(root.file("console"))?;
    let options = ["--console-socket", socket.path()?];
    let container = root.create_with("c", &bundle, &options)?;
    let (mut terminal, _) = socket.receive()?;
    container.start()?;
    let seen = terminal.shows("the end")?;
    container.kill("KILL")?;
    container.wait()?;
    container.delete(&[])?;
    Ok(seen)
}

#[test]
fn a_terminal_is_its_standard_input_output_and_error() -> Result<()> {
    let script = "for n in 0 1 2; do test -t $n && echo yes; done";
    let seen = on_its_terminal(script, |bundle| bundle)?;
    assert_eq!(seen.matches("yes").count(), 3, "{seen}");
    Ok(())
}

#[test]
fn there_is_no_terminal_where_none_is_asked_for() -> Result<()> {
    shows("for n in 0 1 2; do test -t $n || echo no; done", |bundle| bundle, "no no no")
}

#[test]
fn a_terminal_has_the_size_that_is_asked_for() -> Result<()> {
    let size = json!({ "height": 33, "width": 111 });
    let seen = on_its_terminal("stty size", |bundle| bundle.with("/process/consoleSize", size))?;
    assert!(seen.contains("33 111"), "{seen}");
    Ok(())
}

#[test]
fn a_size_without_a_terminal_is_ignored() -> Result<()> {
    let size = json!({ "height": 33, "width": 111 });
    crate::runs(|bundle| bundle.with("/process/consoleSize", size))
}

#[test]
fn cwd_is_where_it_begins() -> Result<()> {
    shows("pwd", |bundle| bundle.with("/process/cwd", "/proc/sys"), "/proc/sys")
}

#[test]
fn cwd_is_absolute() -> Result<()> {
    refuses(|bundle| bundle.with("/process/cwd", "tmp"))
}

#[test]
fn cwd_is_required() -> Result<()> {
    refuses(|bundle| bundle.without("/process/cwd"))
}

#[test]
fn env_is_its_environment() -> Result<()> {
    let variables = ["PATH=/bin", "A=1", "B=two words", "EMPTY="];
    let seen = output("exec env", |bundle| bundle.with("/process/env", variables))?;
    for variable in variables {
        assert!(seen.lines().any(|line| line == variable), "{variable}: {seen}");
    }
    Ok(())
}

#[test]
fn nothing_of_the_callers_environment_is_in_it() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["env"])?;
    bundle.write()?;
    let path = bundle.path().to_string_lossy().into_owned();
    let args = ["run", "--bundle", &path, &root.id("c")];
    let seen = root.start_by_shell("export SECRET=1; exec \"$@\"", &args)?.finish()?.ok()?;
    assert!(seen.contains("PATH=/bin") && !seen.contains("SECRET"), "{seen}");
    Ok(())
}

#[test]
fn args_are_what_the_program_is_called_with() -> Result<()> {
    let args = ["printf", "%s|", "a b", "", "$c"];
    let seen = output("", |bundle| bundle.with("/process/args", args))?;
    assert_eq!(seen, "a b||$c|");
    Ok(())
}

#[test]
fn a_name_without_a_slash_is_looked_for_in_the_path() -> Result<()> {
    let found = |bundle: Bundle| {
        bundle.with("/process/env", ["PATH=/nowhere:/bin"]).with("/process/args", ["echo", "found"])
    };
    assert_eq!(output("", found)?, "found\n");
    Ok(())
}

#[test]
fn a_name_with_a_slash_is_a_path() -> Result<()> {
    let found = |bundle: Bundle| {
        bundle.with("/process/cwd", "/bin").with("/process/args", ["./echo", "found"])
    };
    assert_eq!(output("", found)?, "found\n");
    Ok(())
}

#[test]
fn args_have_at_least_one_entry() -> Result<()> {
    refuses(|bundle| bundle.with("/process/args", json!([])))
}

#[test]
fn args_are_required() -> Result<()> {
    refuses(|bundle| bundle.without("/process/args"))
}

#[test]
fn a_program_that_is_not_there_is_an_error() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["/bin/gone"])?;
    // By `create` or by `start`.
    let created = root.try_create("c", &bundle, &[])?.status.success();
    root.adopt_all()?;
    let started = created && root.run(&["start", &root.id("c")])?.status.success();
    root.run(&["delete", "--force", &root.id("c")])?;
    assert!(!started);
    Ok(())
}
