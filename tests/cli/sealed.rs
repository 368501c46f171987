//! The runtime's program, and the process that still is the runtime, are beyond a container's
//! reach.

use anyhow::Result;
use serde_json::json;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tests::{Bundle, Root, peapod};

#[test]
fn init_does_not_run_from_the_file_of_the_runtime() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    let exe = fs::metadata(format!("/proc/{}/exe", container.pid()))?;
    let file = fs::metadata(peapod()?)?;
    assert_ne!((exe.dev(), exe.ino()), (file.dev(), file.ino()));
    Ok(())
}

#[test]
fn what_init_runs_from_cannot_be_written() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    let exe = format!("/proc/{}/exe", container.pid());
    container.start()?;
    // The same program, in another container that still waits: nothing but the seal refuses, since
    // a file that is being executed may be written to on Linux 6.11 to 6.13.
    assert!(File::options().write(true).open(&exe).is_err());
    let waiting = root.create("d", &root.bundle(&["true"])?)?;
    let exe = format!("/proc/{}/exe", waiting.pid());
    let error = File::options().write(true).open(&exe).unwrap_err();
    let refused = [libc::EROFS, libc::ETXTBSY, libc::EPERM];
    assert!(error.raw_os_error().is_some_and(|number| refused.contains(&number)), "{error}");
    let error = fs::write(&exe, "#!/bin/sh\n").unwrap_err();
    assert!(error.raw_os_error().is_some_and(|number| refused.contains(&number)), "{error}");
    Ok(())
}

/// Creates a container by `command`, which has everything but its arguments; answers with what its
/// first process has at `/proc/PID/NAME`.
fn link_of_init(
    root: &Root,
    bundle: &Bundle,
    command: &mut Command,
    name: &str,
) -> Result<PathBuf> {
    bundle.write()?;
    let pid_file = root.file("pid");
    command.arg("--root").arg(root.state()).arg("create").arg("--pid-file").arg(&pid_file);
    command.arg("--bundle").arg(bundle.path()).arg(root.id("c"));
    assert!(command.status()?.success(), "{command:?}");
    let process = root.adopt(fs::read_to_string(pid_file)?.parse()?)?;
    Ok(fs::read_link(format!("/proc/{}/{name}", process.pid))?)
}

#[test]
fn init_runs_from_memory_where_sealing_before_libc_fails() -> Result<()> {
    let root = Root::new()?;
    let mut command = Command::new(peapod()?);
    // More variables than the first attempt has room for.
    command.envs((0..1100).map(|number| (format!("V{number}"), "x"))).stdin(Stdio::null());
    let exe = link_of_init(&root, &root.bundle(&["true"])?, &mut command, "exe")?;
    assert!(exe.to_string_lossy().starts_with("/memfd:peapod"), "{exe:?}");
    Ok(())
}

#[test]
fn a_forged_claim_to_be_sealed_is_not_believed() -> Result<()> {
    let root = Root::new()?;
    let mut command = Command::new(peapod()?);
    let file = fs::metadata(peapod()?)?;
    command.env("_PEAPOD_SEALED", format!("{}:{}", file.dev(), file.ino())).stdin(Stdio::null());
    let exe = link_of_init(&root, &root.bundle(&["true"])?, &mut command, "exe")?;
    assert!(exe.to_string_lossy().starts_with("/memfd:peapod"), "{exe:?}");
    Ok(())
}

#[test]
fn what_is_closed_of_stdio_is_the_null_device() -> Result<()> {
    let root = Root::new()?;
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec "$0" "$@" 0<&- 1>&- 2>&-"#]).arg(peapod()?);
    let stdin = link_of_init(&root, &root.bundle(&["true"])?, &mut command, "fd/0")?;
    assert_eq!(stdin, PathBuf::from("/dev/null"));
    Ok(())
}

#[test]
fn nobody_else_may_look_into_init() -> Result<()> {
    let root = Root::new()?;
    let user = json!({ "uid": 1000, "gid": 1000 });
    let bundle = root.bundle(&["sleep", "1000"])?.with("/process/user", user);
    let container = root.create("c", &bundle)?;
    let directory = format!("/proc/{}", container.pid());
    assert_eq!(container.process.field("Uid")?, "1000\t1000\t1000\t1000");
    // Of a process that is not dumpable, procfs belongs to root: proc_pid(5).
    assert_eq!(fs::metadata(format!("{directory}/mem"))?.uid(), 0);
    container.start()?;
    assert_eq!(fs::metadata(format!("{directory}/mem"))?.uid(), 1000);
    Ok(())
}

#[test]
fn init_holds_nothing_of_the_host_while_it_waits() -> Result<()> {
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    let mut held = Vec::new();
    for entry in fs::read_dir(format!("/proc/{}/fd", container.pid()))? {
        let path = entry?.path();
        let number: u32 = path.file_name().unwrap().to_string_lossy().parse()?;
        if number > 2 {
            held.push(fs::read_link(path)?.to_string_lossy().into_owned());
        }
    }
    // The link to its creator and the gate.
    assert!(held.iter().all(|name| name.starts_with("socket:")), "{held:?}");
    assert!(held.len() <= 2, "{held:?}");
    Ok(())
}

#[test]
fn a_script_whose_interpreter_is_the_runtime_itself_gets_nowhere() -> Result<()> {
    // CVE-2019-5736: `#!/proc/self/exe` made the runtime execute its own file inside the container,
    // with libraries of the container's choice.
    let root = Root::new()?;
    let before = fs::read(peapod()?)?;
    let bundle = root.bundle(&["script"])?.with_file("bin/script", "#!/proc/self/exe\n")?;
    let container = root.create("c", &bundle)?;
    if container.run(&["start"], &[])?.status.success() {
        assert_ne!(container.exit_code()?, Some(0));
    }
    assert!(fs::read(peapod()?)? == before);
    Ok(())
}
