//! `peapod exec`.

use anyhow::Result;
use tests::Root;

#[test]
fn the_exit_code_is_that_of_the_program() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let output = container.run(&["exec"], &["sh", "-c", "echo inside; exit 42"])?;
    assert_eq!(output.status.code(), Some(42), "{output:?}");
    assert_eq!(output.stdout, "inside\n");
    Ok(())
}
