//! The runtime's program, and the process that still is the runtime, are beyond a container's
//! reach.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tests::{Bundle, Root, file_with, peapod};

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
fn init_does_not_run_from_memory_wherever_the_program_is() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?;
    for place in ["/run", "/tmp", "/dev/shm"] {
        let directory = PathBuf::from(place).join(root.id("bin"));
        fs::create_dir(&directory)?;
        let program = directory.join("peapod");
        let exe = copy_program(&program).and_then(|()| {
            let mut command = Command::new(&program);
            link_of_init(&root, &bundle, command.stdin(Stdio::null()), "exe")
        });
        fs::remove_dir_all(&directory)?;
        assert_eq!(exe?, PathBuf::from("/peapod"), "{place}");
        root.run(&["delete", "--force", &root.id("c")])?.ok()?;
    }
    Ok(())
}

/// By another process: a fork of this one that still had the file open for writing would make its
/// execution fail (ETXTBSY).
fn copy_program(to: &Path) -> Result<()> {
    let copied = Command::new("cp").arg(peapod()?).arg(to).status()?;
    ensure!(copied.success(), "cp");
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
fn what_is_closed_of_stdio_is_the_null_device_for_the_program_as_well() -> Result<()> {
    let root = Root::new()?;
    let seen = root.file("seen");
    fs::create_dir(&seen)?;
    let seen = seen.to_str().context("path")?;
    fs::set_permissions(seen, Permissions::from_mode(0o777))?;
    let look = "seen=$(for fd in 0 1 2; do readlink /proc/$$/fd/$fd; done)";
    let script = |name: &str| format!("{look}; echo \"$seen\" >{seen}/{name}");
    let init = format!("{}; sleep 1000", script("init"));
    let bundle = root.shell(&init)?.with_mount("bind", seen, seen, &["bind"]);
    bundle.write()?;
    let closed = r#"exec "$@" 0<&- 1>&- 2>&-"#;
    let id = root.id("c");
    let path = bundle.path().to_str().context("path")?;
    let args = ["run", "--detach", "--bundle", path, &id];
    root.start_by_shell(closed, &args)?.finish()?.ok()?;
    let state: Value = serde_json::from_str(&root.run(&["state", &id])?.ok()?)?;
    let pid = state["pid"].as_i64().context("pid")?;
    let process = root.adopt(i32::try_from(pid)?)?;
    root.start_by_shell(closed, &["exec", &id, "sh", "-c", &script("exec")])?.finish()?.ok()?;
    let wanted = "/dev/null\n/dev/null\n/dev/null\n";
    for name in ["init", "exec"] {
        assert_eq!(file_with(&PathBuf::from(seen).join(name), wanted)?, wanted, "{name}");
    }
    root.run(&["delete", "--force", &id])?.ok()?;
    process.wait().map(drop)
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
fn init_keeps_nothing_of_the_environment_of_its_creator() -> Result<()> {
    const SECRET: &str = "what-nobody-may-know";
    let root = Root::new()?;
    let bundle = root.bundle(&["true"])?.with("/process/env", json!(["PATH=/bin"]));
    for mode in ["alone", "shared", "nested"] {
        let id = root.id(mode);
        let mut command = Command::new(peapod()?);
        command.env("SECRET", SECRET).env("_AFTER", SECRET).stdin(Stdio::null());
        command.arg("--root").arg(root.state()).arg("create").arg("--bundle").arg(bundle.path());
        let pid_file = root.file(&format!("{mode}.pid"));
        command.arg("--pid-file").arg(&pid_file);
        let pod = match mode {
            "alone" => None,
            _ => Some(root.sandbox(&format!("pod-{mode}"), &["--pid", mode])?),
        };
        if let Some(pod) = &pod {
            command.args(["--sandbox", &pod.id]);
        }
        bundle.write()?;
        assert!(command.arg(&id).status()?.success(), "{command:?}");
        let process = root.adopt(fs::read_to_string(pid_file)?.parse()?)?;
        let environment = fs::read(format!("/proc/{}/environ", process.pid))?;
        assert!(environment.iter().all(|&byte| byte == 0), "{mode}: {environment:?}");
        root.run(&["delete", "--force", &id])?.ok()?;
    }
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
