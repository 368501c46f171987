//! How command lines are read: in the ways of Go, which the callers of runc have learnt.

use anyhow::Result;
use tests::Root;

#[test]
fn a_long_flag_may_have_one_dash() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("exit 3")?;
    let ended = root.start_run("c", &bundle, &["-no-subreaper"])?.finish()?;
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert_eq!(root.run(&["list", "-format=json"])?.ok()?.trim(), "[]");
    assert_eq!(root.run(&["-log-format", "json", "list", "-q"])?.ok()?, "");
    Ok(())
}

#[test]
fn what_a_program_is_given_is_left_alone() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let said = container.exec(&["-e", "A=-detach"], &["sh", "-c", "echo $A $@", "x", "-tty"])?;
    assert_eq!(said.ok()?, "-detach -tty\n");
    Ok(())
}

/// podman asks for these words to find out what a runtime can do.
#[test]
fn a_flag_without_its_value_is_said_in_the_words_of_go() -> Result<()> {
    let message = Root::new()?.run(&["create", "--pid-file"])?.refused()?;
    assert_eq!(message, "flag needs an argument: --pid-file");
    Ok(())
}

#[test]
fn the_last_of_two_values_holds() -> Result<()> {
    let root = Root::new()?;
    assert_eq!(root.run(&["list", "--format", "table", "--format", "json"])?.ok()?.trim(), "[]");
    Ok(())
}
