//! `peapod resume`.

use anyhow::Result;
use tests::Root;

#[test]
fn only_what_is_paused_can_be_resumed() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let message = container.run(&["resume"], &[])?.refused()?;
    assert!(message.contains("container not paused"), "{message}");
    container.run(&["pause"], &[])?.ok()?;
    container.run(&["resume"], &[])?.ok()?;
    let message = container.run(&["resume"], &[])?.refused()?;
    assert!(message.contains("container not paused"), "{message}");
    container.delete(&["--force"])?;
    let message = container.run(&["resume"], &[])?.refused()?;
    assert!(message.contains("does not exist"), "{message}");
    Ok(())
}

#[test]
fn a_program_goes_on_where_it_stood() -> Result<()> {
    let root = Root::new()?;
    let script =
        "trap 'echo resumed; exit 4' USR1; echo ready; while :; do sleep 1000 & wait $!; done";
    let container = root.start_container("c", &root.shell(script)?)?;
    container.says("ready")?;
    container.run(&["pause"], &[])?.ok()?;
    // It hears of this only when it goes on.
    container.kill("USR1")?;
    assert_eq!(container.status()?, "paused");
    container.run(&["resume"], &[])?.ok()?;
    container.says("resumed")?;
    assert_eq!(container.exit_code()?, Some(4));
    Ok(())
}

#[test]
fn what_a_group_above_freezes_is_not_ours_to_thaw() -> Result<()> {
    let root = Root::new()?;
    let above = root.make_cgroup("above")?;
    let path = format!("/{}/c", root.id("above"));
    let bundle = root.bundle(&["sleep", "1000"])?.with("/linux/cgroupsPath", path.as_str());
    let container = root.start_container("c", &bundle)?;
    above.freeze()?;
    assert_eq!(container.status()?, "paused");
    let message = container.run(&["resume"], &[])?.refused()?;
    assert!(message.contains("a group above it is frozen"), "{message}");
    above.write("cgroup.freeze", "0")?;
    container.delete(&["--force"])
}
