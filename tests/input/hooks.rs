//! Hooks that cannot be run: refused before anything is made.

use crate::refused;
use anyhow::Result;
use serde_json::json;
use std::fs;
use tests::Root;

const OF_THE_HOST: [&str; 5] =
    ["prestart", "createRuntime", "createContainer", "poststart", "poststop"];

#[test]
fn a_program_that_is_not_there_or_is_none_is_refused() -> Result<()> {
    let root = Root::new()?;
    let file = root.file("text");
    fs::write(&file, "no program")?;
    let file = file.to_string_lossy().into_owned();
    for kind in OF_THE_HOST {
        for (path, reason) in
            [("/nowhere", "no such file"), ("/etc", "not a program"), (&file, "not executable")]
        {
            let hooks = json!([{ "path": "/bin/true" }, { "path": path }]);
            let bundle = root.bundle(&["true"])?.with(&format!("/hooks/{kind}"), hooks);
            refused(&root, &bundle, &[&format!("hooks.{kind}"), path, reason])?;
        }
    }
    Ok(())
}

#[test]
fn a_relative_path_and_a_timeout_that_is_none_are_refused() -> Result<()> {
    let root = Root::new()?;
    for (hook, parts) in [
        (json!({ "path": "bin/true" }), ["hooks.poststop[0].path", "bin/true"]),
        (json!({}), ["hooks.poststop[0].path", "missing"]),
        (json!({ "path": "/bin/true", "timeout": 0 }), ["hooks.poststop[0].timeout", "0"]),
        (json!({ "path": "/bin/true", "timeout": -5 }), ["hooks.poststop[0].timeout", "-5"]),
    ] {
        let bundle = root.bundle(&["true"])?.with("/hooks/poststop", json!([hook]));
        refused(&root, &bundle, &parts)?;
    }
    Ok(())
}

#[test]
fn one_of_the_container_that_is_not_there_fails_start() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?;
    let bundle = bundle.with("/hooks/startContainer", json!([{ "path": "/nowhere" }]));
    let container = root.create("c", &bundle)?;
    let message = container.run(&["start"], &[])?.refused()?;
    let wanted = "hooks.startContainer[0]: \"/nowhere\": exited with status 127: \
                  execve(\"/nowhere\"): ENOENT: No such file or directory";
    assert_eq!(message, wanted);
    container.wait()?;
    container.delete(&[])?;
    root.has_nothing_left()
}
