//! What a pod leaves behind: nothing.

use anyhow::Result;
use std::collections::BTreeSet;
use std::fs;
use tests::{NAMESPACES, Root, namespace};

#[test]
fn a_deleted_pod_leaves_nothing() -> Result<()> {
    for mode in ["shared", "nested"] {
        let root = Root::new()?;
        let pod = root.sandbox("pod", &["--pid", mode])?;
        let script = "(setsid sleep 1000 &); echo ready; sleep 1000";
        for name in ["a", "b"] {
            pod.start(name, &root.shell(script)?)?.says("ready")?;
        }
        pod.create("c", &root.bundle(&["true"])?)?;
        pod.stop("0")?;
        pod.delete(&[])?;
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn no_process_keeps_a_namespace_of_it() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &["--pid", "nested"])?;
    let container = pod.start("c", &root.bundle(&["sleep", "1000"])?)?;
    let mut own = BTreeSet::new();
    for kind in NAMESPACES {
        own.insert(container.namespace(kind)?);
        own.insert(pod.namespace(kind)?);
    }
    let host = std::process::id().cast_signed();
    for kind in NAMESPACES {
        own.remove(&namespace(host, kind)?);
    }
    // Pause: net, ipc, uts, pid, mnt; the container: pid, mnt, cgroup.
    assert_eq!(own.len(), 8, "{own:?}");
    let before = holders()?;
    assert!(own.iter().all(|name| before.iter().any(|(_, other)| other == name)));
    pod.stop("0")?;
    pod.delete(&[])?;
    root.reap()?;
    // The kernel gives the numbers of namespaces away again: only those count that lived before.
    let left: Vec<_> = holders()?
        .into_iter()
        .filter(|(pid, name)| own.contains(name) && before.iter().any(|(other, _)| other == pid))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

/// Which process is in which namespace, or has a descriptor of it.
fn holders() -> Result<BTreeSet<(i32, String)>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<i32>() else { continue };
        for directory in ["ns", "fd"] {
            // It may end meanwhile.
            let Ok(entries) = fs::read_dir(format!("/proc/{pid}/{directory}")) else { continue };
            let targets = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
            found.extend(targets.map(|target| (pid, target.to_string_lossy().into_owned())));
        }
    }
    Ok(found)
}
