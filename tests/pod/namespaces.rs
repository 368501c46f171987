//! Which namespaces the containers of a pod have in common.

use anyhow::Result;
use std::collections::HashSet;
use tests::{Root, namespace};

const SHARED: [&str; 3] = ["net", "ipc", "uts"];

#[test]
fn network_ipc_and_names_are_the_pods() -> Result<()> {
    let root = Root::new()?;
    for mode in ["shared", "nested"] {
        let pod = root.sandbox(mode, &["--pid", mode])?;
        let bundle = root.bundle(&["sleep", "1000"])?;
        let (a, b) =
            (pod.start(&format!("{mode}-a"), &bundle)?, pod.start(&format!("{mode}-b"), &bundle)?);
        for kind in SHARED {
            assert_eq!(a.namespace(kind)?, pod.namespace(kind)?, "{kind}");
            assert_eq!(b.namespace(kind)?, pod.namespace(kind)?, "{kind}");
            assert_ne!(pod.namespace(kind)?, namespace(std::process::id().cast_signed(), kind)?);
        }
    }
    Ok(())
}

#[test]
fn nothing_is_shared_with_another_pod() -> Result<()> {
    let root = Root::new()?;
    let (one, two) = (root.sandbox("one", &[])?, root.sandbox("two", &[])?);
    let bundle = root.bundle(&["sleep", "1000"])?;
    let (a, b) = (one.start("a", &bundle)?, two.start("b", &bundle)?);
    for kind in ["net", "ipc", "uts", "pid", "mnt", "cgroup"] {
        assert_ne!(a.namespace(kind)?, b.namespace(kind)?, "{kind}");
    }
    Ok(())
}

#[test]
fn pid_namespaces_are_shared_unless_they_are_to_be_nested() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["sleep", "1000"])?;
    for options in [&[][..], &["--pid", "shared"]] {
        let name = format!("shared{}", options.len());
        let shared = root.sandbox(&name, options)?;
        let a = shared.start(&format!("{name}-a"), &bundle)?;
        assert_eq!(a.namespace("pid")?, shared.namespace("pid")?);
    }
    let nested = root.sandbox("nested", &["--pid", "nested"])?;
    let (a, b) = (nested.start("a", &bundle)?, nested.start("b", &bundle)?);
    let all = [a.namespace("pid")?, b.namespace("pid")?, nested.namespace("pid")?];
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 3, "{all:?}");
    // Below pause: it sees them, each with a number of its own.
    for process in [&a.process, &b.process] {
        assert_eq!(process.field("NSpid")?.split_whitespace().count(), 3);
    }
    Ok(())
}

#[test]
fn file_systems_are_never_shared() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let bundle = root.bundle(&["sleep", "1000"])?;
    let (a, b) = (pod.start("a", &bundle)?, pod.start("b", &bundle)?);
    let all = [a.namespace("mnt")?, b.namespace("mnt")?, pod.namespace("mnt")?];
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 3, "{all:?}");
    Ok(())
}

#[test]
fn containers_talk_over_the_loopback_address() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let script = "mkdir /tmp/www && echo served >/tmp/www/page && echo ready
        exec httpd -f -p 127.0.0.1:8080 -h /tmp/www";
    let server = root.shell(script)?.with_mount("tmpfs", "tmpfs", "/tmp", &["mode=1777"]);
    let server = pod.start("server", &server)?;
    server.says("ready")?;
    // It has said so just before it listens.
    let fetch = "until wget -q -O - http://127.0.0.1:8080/page; do :; done";
    assert_eq!(pod.output_of("client", &root.shell(fetch)?)?, "served\n");

    let alone = root.start_container("alone", &root.shell("wget http://127.0.0.1:8080/page")?)?;
    assert_ne!(alone.exit_code()?, Some(0));
    Ok(())
}

#[test]
fn a_member_is_born_in_its_leaf_of_the_pods_cgroup() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let member = pod.create("c", &root.bundle(&["true"])?)?;
    let cgroup = pod.cgroup()?;
    assert_eq!(member.cgroup()?.path(), cgroup.path().join(&member.id));
    // A group with limits for all may have no process itself.
    assert!(cgroup.processes()?.is_empty());
    Ok(())
}
