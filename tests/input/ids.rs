//! Ids that are no names, or nobody's.

use anyhow::Result;
use tests::Root;

const VERBS: [&[&str]; 8] = [
    &["start"],
    &["state"],
    &["kill"],
    &["stop"],
    &["delete"],
    &["sandbox", "create"],
    &["sandbox", "stop"],
    &["sandbox", "delete"],
];

#[test]
fn an_id_that_is_no_name_is_refused_by_every_verb() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?;
    bundle.write()?;
    let path = bundle.path().to_string_lossy().into_owned();
    let create = ["create", "--bundle", &path];
    let verbs: Vec<&[&str]> = VERBS.into_iter().chain([&create[..]]).collect();
    let long = "x".repeat(300);
    for id in ["", ".", "..", "../x", "a/b", "a b", "ü", "a\nb", "a\u{1b}[31m", "-x", &long] {
        for verb in &verbs {
            let message = root.run(&[verb, &["--", id][..]].concat())?.refused()?;
            assert!(message.contains("invalid container ID format"), "{verb:?} {id:?}: {message}");
            assert!(!message.contains(char::is_control), "{verb:?} {id:?}: {message:?}");
        }
    }
    root.has_nothing_left()
}

#[test]
fn force_does_not_delete_what_has_no_name() -> Result<()> {
    let root = Root::new()?;
    for verb in [&["delete", "--force"][..], &["sandbox", "delete", "--force"]] {
        let message = root.run(&[verb, &[".."]].concat())?.refused()?;
        assert!(message.contains("invalid container ID format"), "{message}");
    }
    assert!(root.state().is_dir());
    Ok(())
}

#[test]
fn the_longest_id_is_taken() -> Result<()> {
    let root = Root::new()?;
    let name = "x".repeat(128 - root.id("").len());
    let container = root.start_container(&name, &root.bundle(&["echo", "ok"])?)?;
    assert_eq!(container.output()?, "ok\n");
    Ok(())
}

#[test]
fn a_command_line_that_makes_no_sense_is_one_line() -> Result<()> {
    let root = Root::new()?;
    for args in [&[][..], &["frobnicate"], &["create"], &["state", "a", "b"], &["list", "--no"]] {
        let message = root.run(args)?.refused()?;
        assert!(message.contains("--help"), "{message}");
    }
    Ok(())
}

#[test]
fn a_root_that_others_could_write_to_is_refused() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let root = Root::new()?;
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(root.state(), open)?;
    let message = root.run(&["list"])?.refused()?;
    assert!(message.contains("--root") && message.contains("others than its owner"), "{message}");
    std::fs::set_permissions(root.state(), std::fs::Permissions::from_mode(0o700))?;
    Ok(())
}
