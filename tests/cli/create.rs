//! `peapod create`.

use anyhow::Result;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread;
use tests::{Cgroup, Root, skipped};

#[test]
fn the_program_does_not_run_before_start() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.shell("echo ran")?)?;
    assert_eq!(container.status()?, "created");
    // What runs is still the runtime.
    assert_eq!(container.process.field("Name")?, "peapod");
    container.start()?;
    assert_eq!(container.output()?, "ran\n");
    Ok(())
}

#[test]
fn the_pid_file_has_the_number_alone() -> Result<()> {
    let root = Root::new()?;
    let file = root.file("pid");
    fs::write(&file, "an older file, and a longer one")?;
    let old = fs::metadata(&file)?.ino();
    let options = ["--pid-file", &file.to_string_lossy()];
    root.try_create("c", &root.shell("true")?, &options)?.ok()?;
    let text = fs::read_to_string(&file)?;
    let process = root.adopt(text.parse()?)?;
    assert_eq!(process.field("Name")?, "peapod");
    // Replaced as a whole: a reader never sees half of it.
    assert_ne!(fs::metadata(&file)?.ino(), old);
    assert!(!root.file(".pid").exists());
    Ok(())
}

#[test]
fn a_pid_file_that_cannot_be_written_leaves_no_container() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?;
    let file = root.file("missing/pid");
    let message =
        root.try_create("c", &bundle, &["--pid-file", &file.to_string_lossy()])?.refused()?;
    assert!(message.contains("--pid-file") && message.contains("missing/pid"), "{message}");
    root.has_nothing_left()
}

/// Whoever makes the group beforehand wants the container there, as with runc.
#[test]
fn a_cgroup_that_is_there_is_taken_if_it_is_empty() -> Result<()> {
    let root = Root::new()?;
    let group = root.make_cgroup("group")?;
    let path = format!("/{}", root.id("group"));
    let bundle = root.bundle(&["sleep", "1000"])?.with("/linux/cgroupsPath", path.as_str());
    let first = root.create("first", &bundle)?;
    assert_eq!(first.cgroup()?.path(), group.path());
    let message = root.try_create("second", &bundle, &[])?.refused()?;
    let wanted = "container's cgroup is not empty: 1 process(es) found";
    assert!(message.contains(wanted), "{message}");
    first.kill("KILL")?;
    first.wait()?;
    // It is still the group of the first one, whose deletion would end whatever is in it.
    let message = root.try_create("second", &bundle, &[])?.refused()?;
    assert!(message.contains(&format!("it is that of {}", first.id)), "{message}");
    first.delete(&[])?;
    assert!(!group.path().exists());
    root.create("second", &bundle)?.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn an_id_is_given_once() -> Result<()> {
    let root = Root::new()?;
    let first = root.create("c", &root.shell("true")?)?;
    let message = root.try_create("c", &root.shell("true")?, &[])?.refused()?;
    assert!(message.contains("container with given ID already exists"), "{message}");
    assert!(message.contains(&first.id), "{message}");
    assert_eq!(first.status()?, "created");
    Ok(())
}

#[test]
fn of_creates_with_one_id_at_the_same_time_one_wins() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?;
    bundle.write()?;
    let path = bundle.path().to_string_lossy().into_owned();
    let file = root.file("pid").to_string_lossy().into_owned();
    let create = || root.run(&["create", "-b", &path, "--pid-file", &file, &root.id("c")]);
    let outputs: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut winners = 0;
    for output in outputs {
        let output = output?;
        if output.status.success() {
            winners += 1;
        } else {
            let message = output.refused()?;
            assert!(message.contains("already exists"), "{message}");
        }
    }
    assert_eq!(winners, 1);
    let process = root.adopt(fs::read_to_string(&file)?.parse()?)?;
    assert_eq!(process.field("Name")?, "peapod");
    let state: serde_json::Value =
        serde_json::from_str(&root.run(&["state", &root.id("c")])?.ok()?)?;
    assert_eq!(state["pid"], process.pid);
    Ok(())
}

#[test]
fn a_program_that_is_not_in_the_path_is_an_error_of_create() -> Result<()> {
    let root = Root::new()?;
    let message = root.try_create("c", &root.bundle(&["nothing-like-it"])?, &[])?.refused()?;
    let expected = "\"nothing-like-it\": executable file not found in $PATH";
    assert!(message.contains(expected), "{message}");
    root.has_nothing_left()
}

#[test]
fn a_program_at_a_path_that_is_not_there_is_an_error_of_create() -> Result<()> {
    let root = Root::new()?;
    let message = root.try_create("c", &root.bundle(&["/bin/nothing"])?, &[])?.refused()?;
    assert!(message.contains("\"/bin/nothing\": no such file or directory"), "{message}");
    root.has_nothing_left()
}

#[test]
fn a_directory_or_a_file_without_permission_is_not_a_program() -> Result<()> {
    let root = Root::new()?;
    for program in ["/bin", "/etc/passwd"] {
        let message = root.try_create("c", &root.bundle(&[program])?, &[])?.refused()?;
        assert!(message.contains(program), "{message}");
        assert!(message.contains("permission denied"), "{message}");
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn the_cgroup_is_where_config_json_wants_it() -> Result<()> {
    let root = Root::new()?;
    let path = format!("/{}/inner", root.id("group"));
    let bundle = root.shell("true")?.with("/linux/cgroupsPath", path.as_str());
    let container = root.create("c", &bundle)?;
    assert_eq!(container.cgroup()?.path(), Cgroup::at(&path)?.path());
    container.delete(&["--force"])?;
    assert!(!Cgroup::at(&path)?.exists());
    Ok(())
}

#[test]
fn a_cgroup_that_was_taken_stays_if_nothing_comes_of_the_container() -> Result<()> {
    let root = Root::new()?;
    let theirs = root.make_cgroup("theirs")?;
    let path = format!("/{}", root.id("theirs"));
    let bundle = root.bundle(&["no-such-program"])?.with("/linux/cgroupsPath", path);
    root.try_create("c", &bundle, &[])?.refused()?;
    fs::remove_dir(theirs.path())?;
    root.has_nothing_left()
}

#[test]
fn a_limit_that_the_host_cannot_give_is_refused() -> Result<()> {
    let root = Root::new()?;
    if Cgroup::at("")?.read("cgroup.controllers")?.contains("memory") {
        return skipped(
            "a_limit_that_the_host_cannot_give_is_refused",
            "this host has the memory controller, and gives it",
        );
    }
    let bundle = root.shell("true")?.with("/linux/resources/memory/limit", 64 << 20);
    let message = root.try_create("c", &bundle, &[])?.refused()?;
    assert!(message.starts_with("linux.resources.memory.limit: "), "{message}");
    assert!(message.contains("needs the cgroup controller memory"), "{message}");
    root.has_nothing_left()
}
