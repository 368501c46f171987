//! The pod on this kernel: before Linux 6.17 a process inside has to make procfs for a shared PID
//! namespace.

use anyhow::Result;
use tests::Root;

const NAMES: &str = "for p in /proc/[0-9]*; do echo \"${p#/proc/} $(cat $p/comm)\"; done";

#[test]
fn in_a_shared_namespace_process_1_is_pause() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let seen = pod.output_of("c", &root.shell(NAMES)?)?;
    assert!(seen.starts_with("1 pause\n"), "{seen}");
    // Who made the procfs is gone: pause, the shell, and what it starts.
    let others: Vec<_> = seen.lines().filter(|line| !line.ends_with("pause")).collect();
    assert!(others.iter().all(|line| line.ends_with("sh") || line.ends_with("cat")), "{seen}");
    Ok(())
}

#[test]
fn in_a_nested_namespace_process_1_is_the_program() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &["--pid", "nested"])?;
    let seen = pod.output_of("c", &root.shell(NAMES)?)?;
    assert!(seen.starts_with("1 sh\n") && !seen.contains("pause"), "{seen}");
    Ok(())
}

#[test]
fn a_pod_lives_and_ends_and_leaves_nothing() -> Result<()> {
    for mode in ["shared", "nested"] {
        let root = Root::new()?;
        let pod = root.sandbox("pod", &["--pid", mode, "--hostname", "pea"])?;
        let script = "trap 'exit 3' TERM; hostname; while :; do sleep 1000 & wait $!; done";
        let polite = pod.start("polite", &root.shell(script)?)?;
        let deaf = "trap '' TERM; echo ready; while :; do sleep 1000; done";
        pod.start("deaf", &root.shell(deaf)?)?.says("ready")?;
        polite.says("pea\n")?;
        for kind in ["net", "ipc", "uts"] {
            assert_eq!(polite.namespace(kind)?, pod.namespace(kind)?);
        }
        pod.stop("1")?;
        assert_eq!(polite.exit_code()?, Some(3));
        pod.delete(&[])?;
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn shared_memory_is_the_pods() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let probe =
        |args: &[&str]| root.bundle(&[&["ipc-probe"], args].concat())?.with_program("ipc-probe");
    pod.output_of("a", &probe(&["shm-set", "/object", "pea"])?)?;
    assert_eq!(pod.output_of("b", &probe(&["shm-get", "/object"])?)?, "pea\n");
    Ok(())
}

#[test]
fn init_does_not_run_from_the_file_of_the_runtime() -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let root = Root::new()?;
    let container = root.create("c", &root.bundle(&["true"])?)?;
    let exe = std::fs::metadata(format!("/proc/{}/exe", container.pid()))?;
    let file = std::fs::metadata(tests::peapod()?)?;
    assert_ne!((exe.dev(), exe.ino()), (file.dev(), file.ino()));
    Ok(())
}

#[test]
fn devices_are_denied_unless_they_are_allowed() -> Result<()> {
    let script = "mknod /dev/k c 1 11; (: </dev/k) 2>/dev/null && echo opens || echo denied";
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let bundle = || -> Result<_> { Ok(root.shell(script)?.as_root(&["CAP_MKNOD", "CAP_SYSLOG"])) };
    assert_eq!(pod.output_of("a", &bundle()?)?, "denied\n");
    let rule = serde_json::json!([
        { "allow": true, "type": "c", "major": 1, "minor": 11, "access": "r" }]);
    let allowed = bundle()?.with("/linux/resources/devices", rule);
    assert_eq!(pod.output_of("b", &allowed)?, "opens\n");
    Ok(())
}
