//! `peapod restore`.

use crate::{NULL, count, counter, has_criu, path};
use anyhow::Result;
use tests::Root;

#[test]
fn a_container_goes_on_where_it_was() -> Result<()> {
    if !has_criu("a_container_goes_on_where_it_was")? {
        return Ok(());
    }
    let root = Root::new()?;
    let host = root.file("host");
    std::fs::create_dir(&host)?;
    std::fs::write(host.join("file"), "of the host")?;
    let bundle = counter(&root, NULL)?.with_mount("bind", path(&host)?, "/mnt", &["bind", "ro"]);
    let images = root.file("images");
    let container = root.start_container("c", &bundle)?;
    let before = count(&container)?;
    container.run(&["checkpoint", "--image-path", path(&images)?], &[])?.ok()?;
    container.run(&["state"], &[])?.refused()?;
    root.has_nothing_left()?;

    let options = ["--detach", "--image-path", path(&images)?];
    let container = root.restore("c", &bundle, &options)?;
    assert_eq!(container.status()?, "running");
    assert!(count(&container)? >= before);
    assert!(container.cgroup()?.path().ends_with(format!("peapod/{}", container.id)));
    assert_eq!(container.exec(&[], &["cat", "/mnt/file"])?.ok()?, "of the host");
    // What it sees of the cgroups begins with its own.
    let seen = container.exec(&[], &["cat", "/proc/self/cgroup"])?.ok()?;
    assert!(seen.contains("0::/\n"), "{seen}");
    container.run(&["pause"], &[])?.ok()?;
    assert_eq!(container.status()?, "paused");
    container.run(&["resume"], &[])?.ok()?;
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn in_the_foreground_its_end_is_waited_for() -> Result<()> {
    if !has_criu("in_the_foreground_its_end_is_waited_for")? {
        return Ok(());
    }
    let root = Root::new()?;
    let host = root.file("host");
    std::fs::create_dir(&host)?;
    let script = format!("exec {NULL}; until [ -e /mnt/end ]; do :; done; exit 7");
    let bundle = root.shell(&script)?.as_root(&[]);
    let bundle = bundle.with_mount("bind", path(&host)?, "/mnt", &["bind", "ro"]);
    let container = root.start_container("c", &bundle)?;
    let images = root.file("images");
    container.run(&["checkpoint", "--image-path", path(&images)?], &[])?.ok()?;
    std::fs::write(host.join("end"), "")?;
    let options = ["--bundle", path(bundle.path())?, "--image-path", path(&images)?];
    let running = root.start(&[&["restore"], &options[..], &[&container.id]].concat())?;
    assert_eq!(running.finish()?.status.code(), Some(7));
    root.has_nothing_left()
}

#[test]
fn what_cannot_be_restored_leaves_nothing() -> Result<()> {
    if !has_criu("what_cannot_be_restored_leaves_nothing")? {
        return Ok(());
    }
    let root = Root::new()?;
    let bundle = counter(&root, NULL)?;
    bundle.write()?;
    let images = root.file("images");
    let id = root.id("c");
    let restore = || -> Result<String> {
        let (bundle, images) = (path(bundle.path())?, path(&images)?);
        root.run(&["restore", "--bundle", bundle, "--image-path", images, &id])?.refused()
    };
    let missing = restore()?;
    assert!(missing.contains("--image-path") && missing.contains("not a directory"), "{missing}");
    std::fs::create_dir(&images)?;
    let empty = restore()?;
    assert!(empty.contains("descriptors.json"), "{empty}");
    std::fs::write(images.join("descriptors.json"), "[\"\",\"\",\"\"]")?;
    let failed = restore()?;
    assert!(failed.contains("criu: failed") && failed.contains("restore.log"), "{failed}");
    root.has_nothing_left()
}
