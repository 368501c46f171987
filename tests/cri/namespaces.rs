//! Namespaces that a pod's containers share with each other, or with the host.

use crate::sessions::{BOTH, PODSANDBOX, SHIM, compare, sessions};
use anyhow::Result;

#[test]
fn a_pod_may_have_one_pid_namespace() -> Result<()> {
    let commands = [
        "p=$(cri run shared pid=pod)",
        "cri pod $p",
        "k=$(cri create $p one -- sleep 1001); cri start $k",
        "l=$(cri create $p two -- sleep 1002); cri start $l",
        "cri exec $l -- sh -c 'ps | grep -c \"sleep 100[12]\"'",
        "cri stop $k 1; cri container $k; cri container $l",
        "cri rmp $p; left",
    ];
    for session in compare("a shared PID namespace", &BOTH, &commands)? {
        assert!(session.said("cri pod $p")?.contains("pid=pod"));
    }
    let commands = [
        "p=$(cri run shared pid=pod)",
        "k=$(cri create $p one -- sleep 1000); cri start $k",
        "cri exec $k -- sh -c 'cat /proc/1/comm; (sleep 0 & exec true); sleep 0.2; \
         ps -o stat,comm | grep -c Z'",
        "cri exec $k -- sh -c 'kill -TERM 1; kill -KILL 1; cat /proc/1/comm'",
        "cri rmp $p; left",
    ];
    for session in sessions("pause as PID 1", &BOTH, &commands)? {
        assert_eq!(session.ended("cri exec $k -- sh -c 'cat", 1)?, "pause\n0");
        assert!(session.said("cri exec $k -- sh -c 'kill")?.ends_with("pause"));
    }
    Ok(())
}

/// containerd 2.1 panics when a shim has the sandbox of a pod in the host's network
/// (containerd#12983): so only under its own.
#[test]
fn a_pod_may_be_in_the_network_of_the_host() -> Result<()> {
    let commands = [
        "p=$(cri run host network=node ipc=node pid=node)",
        "cri pod $p",
        "k=$(cri create $p one -- sleep 1000); cri start $k",
        "for n in net ipc uts pid; do [[ $(readlink /proc/$(pgrep -x sleep | tail -n 1)/ns/$n) == \
         \"$(readlink /proc/$containerd/ns/$n)\" ]] && echo $n; done; true",
        "cri exec $k -- sh -c 'hostname; cat /etc/hostname'",
        "cri rmp $p; left",
    ];
    for session in compare("namespaces of the host", &[PODSANDBOX], &commands)? {
        assert_eq!(session.said("for n")?, "net\nipc\nuts\npid");
    }
    Ok(())
}

#[test]
fn a_pod_may_be_in_other_namespaces_of_the_host() -> Result<()> {
    let commands = [
        "p=$(cri run host ipc=node pid=node)",
        "cri pod $p",
        "k=$(cri create $p one -- sleep 1000); cri start $k",
        "for n in net ipc pid; do [[ $(readlink /proc/$(pgrep -x sleep | tail -n 1)/ns/$n) == \
         \"$(readlink /proc/$containerd/ns/$n)\" ]] && echo $n; done; true",
        "touch /dev/shm/of-host; cri exec $k -- ls /dev/shm/of-host; rm /dev/shm/of-host",
        "cri stopp $p; cri rmp $p; left",
    ];
    for session in compare("namespaces of the host", &[SHIM], &commands)? {
        assert_eq!(session.said("for n")?, "ipc\npid");
        assert_eq!(session.said("touch")?, "/dev/shm/of-host");
    }
    Ok(())
}
