//! `peapod run`.

use anyhow::Result;
use tests::Root;

#[test]
fn the_exit_code_is_that_of_the_container() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("echo inside; exit 42")?;
    bundle.write()?;
    let path = bundle.path().to_string_lossy().into_owned();
    let output = root.run(&["run", "--bundle", &path, &root.id("c")])?;
    assert_eq!(output.status.code(), Some(42), "{output:?}");
    assert_eq!(output.stdout, "inside\n");
    root.has_nothing_left()
}
