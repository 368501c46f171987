//! A bundle whose config.json itself names the namespaces of a pod, as containerd writes them.

use anyhow::Result;
use tests::{Bundle, Root, Sandbox};

fn joined(bundle: Bundle, pod: &Sandbox<'_>) -> Result<Bundle> {
    Ok(bundle
        .with_namespace("network", Some(pod.path("/namespaces/network")?))
        .with_namespace("ipc", Some(pod.path("/namespaces/ipc")?))
        .with_namespace("uts", Some(pod.path("/namespaces/uts")?))
        .with_namespace("pid", Some(pod.path("/namespaces/pid")?))
        .without_mount("/dev/shm")
        .with_mount("bind", pod.path("/shm")?, "/dev/shm", &["rbind", "nosuid", "nodev"]))
}

#[test]
fn it_is_in_the_namespaces_that_it_names() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let container = root.create("c", &joined(root.bundle(&["true"])?, &pod)?)?;
    for kind in ["net", "ipc", "uts", "pid"] {
        assert_eq!(container.namespace(kind)?, pod.namespace(kind)?, "{kind}");
    }
    assert_ne!(container.namespace("mnt")?, pod.namespace("mnt")?);
    Ok(())
}

#[test]
fn it_uses_the_shared_memory_and_the_semaphores_of_the_pod() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let member =
        |args: &[&str]| root.bundle(&[&["ipc-probe"], args].concat())?.with_program("ipc-probe");
    pod.output_of("a", &member(&["shm-set", "/object", "pea"])?)?;
    pod.output_of("b", &member(&["sem-set", "77", "42"])?)?;
    let by_path = |name: &str, args: &[&str]| {
        root.start_container(name, &joined(member(args)?, &pod)?)?.output()
    };
    assert_eq!(by_path("c", &["shm-get", "/object"])?, "pea\n");
    assert_eq!(by_path("d", &["sem-get", "77"])?, "42\n");
    by_path("e", &["shm-set", "/answer", "pod"])?;
    assert_eq!(pod.output_of("f", &member(&["shm-get", "/answer"])?)?, "pod\n");
    Ok(())
}

#[test]
fn its_procfs_shows_the_pods_processes() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let bundle = joined(root.shell("cat /proc/1/comm")?, &pod)?;
    assert_eq!(root.start_container("c", &bundle)?.output()?, "pause\n");
    Ok(())
}

#[test]
fn it_ends_and_is_deleted_without_the_pod() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let script = "(setsid sleep 1000 &); echo ready; sleep 1000";
    let container = root.start_container("c", &joined(root.shell(script)?, &pod)?)?;
    container.says("ready")?;
    let cgroup = container.cgroup()?;
    container.stop("0")?;
    container.delete(&[])?;
    assert!(!cgroup.exists());
    assert!(!pod.process.ends_within(std::time::Duration::ZERO)?);
    pod.stop("0")?;
    pod.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn it_may_join_the_mounts_and_the_cgroup_namespace_of_another_container() -> Result<()> {
    let root = Root::new()?;
    let script = "echo seen >/dev/shm/mark; echo ready; sleep 1000";
    let other = root.start_container("a", &root.shell(script)?)?;
    other.says("ready")?;
    let path = |kind: &str| format!("/proc/{}/ns/{kind}", other.pid());
    let bundle = root
        .bundle(&["cat", "/dev/shm/mark"])?
        .with("/root/readonly", false)
        .with("/mounts", serde_json::json!([]))
        .with("/linux/maskedPaths", serde_json::json!([]))
        .with("/linux/readonlyPaths", serde_json::json!([]))
        .with_namespace("mount", Some(&path("mnt")))
        .with_namespace("cgroup", Some(&path("cgroup")))
        .with_namespace("pid", Some(&path("pid")));
    let container = root.create("b", &bundle)?;
    for kind in ["mnt", "cgroup", "pid"] {
        assert_eq!(container.namespace(kind)?, other.namespace(kind)?, "{kind}");
    }
    container.start()?;
    assert_eq!(container.output()?, "seen\n");
    Ok(())
}
