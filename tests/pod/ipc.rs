//! System V IPC and POSIX shared memory: one for all of a pod.

use anyhow::Result;
use tests::{Bundle, Root};

fn probe(root: &Root, args: &[&str]) -> Result<Bundle> {
    root.bundle(&[&["ipc-probe"], args].concat())?.with_program("ipc-probe")
}

#[test]
fn a_semaphore_of_one_container_is_that_of_the_other() -> Result<()> {
    let root = Root::new()?;
    for mode in ["shared", "nested"] {
        let pod = root.sandbox(mode, &["--pid", mode])?;
        pod.output_of(&format!("{mode}-a"), &probe(&root, &["sem-set", "77", "42"])?)?;
        let seen = pod.output_of(&format!("{mode}-b"), &probe(&root, &["sem-get", "77"])?)?;
        assert_eq!(seen, "42\n");
    }
    Ok(())
}

#[test]
fn a_shared_memory_object_of_one_container_is_that_of_the_other() -> Result<()> {
    let root = Root::new()?;
    for mode in ["shared", "nested"] {
        let pod = root.sandbox(mode, &["--pid", mode])?;
        pod.output_of(&format!("{mode}-a"), &probe(&root, &["shm-set", "/object", "pea"])?)?;
        let seen = pod.output_of(&format!("{mode}-b"), &probe(&root, &["shm-get", "/object"])?)?;
        assert_eq!(seen, "pea\n");
    }
    Ok(())
}

#[test]
fn a_bundle_without_a_shared_memory_mount_has_the_pods() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    pod.output_of("a", &probe(&root, &["shm-set", "/object", "pea"])?)?;
    let bundle = probe(&root, &["shm-get", "/object"])?.without_mount("/dev/shm");
    assert_eq!(pod.output_of("b", &bundle)?, "pea\n");
    Ok(())
}

#[test]
fn neither_is_seen_in_another_pod() -> Result<()> {
    let root = Root::new()?;
    let (one, two) = (root.sandbox("one", &[])?, root.sandbox("two", &[])?);
    one.output_of("a", &probe(&root, &["sem-set", "77", "42"])?)?;
    one.output_of("b", &probe(&root, &["shm-set", "/object", "pea"])?)?;
    for (name, args) in [("c", ["sem-get", "77"]), ("d", ["shm-get", "/object"])] {
        let elsewhere = two.start(name, &probe(&root, &args)?)?;
        assert_ne!(elsewhere.exit_code()?, Some(0), "{name}");
        assert!(elsewhere.complaints().contains("ENOENT"), "{}", elsewhere.complaints());
    }
    Ok(())
}

#[test]
fn the_pods_shared_memory_has_64_mib() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let seen = pod.output_of("c", &root.shell("stat -f -c '%b %S' /dev/shm")?)?;
    let (blocks, size) = seen.trim().split_once(' ').unwrap();
    assert_eq!(blocks.parse::<u64>()? * size.parse::<u64>()?, 64 << 20);
    Ok(())
}
