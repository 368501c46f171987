//! What a container of a pod has, and how it ends.

use crate::sessions::{BOTH, compare};
use anyhow::Result;

#[test]
fn how_a_container_has_ended_is_told_with_its_reason() -> Result<()> {
    let sessions = compare(
        "ends",
        &BOTH,
        &[
            "p=$(cri run ends)",
            "k=$(cri create $p good -- sh -c 'exit 0'); cri start $k; cri wait $k",
            "k=$(cri create $p bad -- sh -c 'exit 7'); cri start $k; cri wait $k",
            "k=$(cri create $p dead -- sleep 1000); cri start $k; cri stop $k 1; cri wait $k",
            "k=$(cri create $p none -- nonesuch); cri start $k",
            "cri container $k | head -n 1",
            "k=$(cri create $p polite -- sh -c \
             'trap \"echo bye; exit 5\" TERM; echo up; while :; do sleep 0.01; done')",
            "cri start $k; await 'grep -q up /tmp/logs/ends/polite.log'; cri stop $k 20",
            "cri container $k; cut -d' ' -f2- /tmp/logs/ends/polite.log",
            "cri ps; cri rmp $p; left",
        ],
    )?;
    for session in sessions {
        let times = "exited started=yes finished=yes";
        for (name, end) in [("good", "0 reason=Completed"), ("bad", "7 reason=Error")] {
            let said = session.said(&format!("k=$(cri create $p {name}"))?;
            assert_eq!(said, format!("{times} code={end}"));
        }
        let dead = session.said("k=$(cri create $p dead")?;
        assert_eq!(dead, format!("{times} code=137 reason=Error"));
        let message = session.ended("k=$(cri create $p none", 1)?;
        assert!(message.contains("executable file not found in $PATH"), "{message}");
        let polite = session.said("cri container $k; cut")?;
        assert_eq!(polite, format!("{times} code=5 reason=Error\nstdout F up\nstdout F bye"));
    }
    Ok(())
}

#[test]
fn the_containers_of_a_pod_share_its_names_and_its_memory() -> Result<()> {
    let sessions = compare(
        "files",
        &BOTH,
        &[
            "p=$(cri run files hostname=pod-host dns=10.0.0.10 sysctl=net.ipv4.ip_forward=1 \
             sysctl=kernel.shm_rmid_forced=1)",
            "k=$(cri create $p one readonly -- sleep 1000); cri start $k",
            "l=$(cri create $p two -- sleep 1000); cri start $l",
            "cri exec $k -- sh -c 'echo text >/dev/shm/file; ls -ld /dev/shm | cut -c 1-10'",
            "cri exec $l -- sh -c 'cat /dev/shm/file; df -k /dev/shm | tail -n 1 | tr -s \" \"'",
            "cri exec $l -- sh -c 'hostname; cat /etc/hostname /etc/hosts /etc/resolv.conf'",
            "cri exec $l -- sh -c 'echo more >>/etc/hosts'; cri exec $k -- tail -n 1 /etc/hosts",
            "cri exec $k -- sh -c 'echo x >/etc/hosts'",
            "cri exec $k -- sysctl net.ipv4.ip_forward net.ipv4.ip_unprivileged_port_start \
             net.ipv4.ping_group_range kernel.shm_rmid_forced",
            "cri exec $l -- sh -c 'ip addr show eth0 | grep -c \"inet 10.88\"; ip addr show lo | \
             grep -c UP'",
            "m=$(cri run plain)",
            "n=$(cri create $m one user=1000 -- sleep 1000); cri start $n",
            "cri exec $n -- sh -c 'id -u; ls /dev/shm; cat /etc/hosts /etc/resolv.conf; hostname'",
            "cri rmp $p; cri rmp $m; left",
        ],
    )?;
    for session in sessions {
        let files = session.said("cri exec $l -- sh -c 'hostname")?;
        assert!(files.starts_with("pod-host\npod-host\n"), "{files}");
        let resolver = "search tests.local\nnameserver 10.0.0.10\noptions ndots:5";
        assert!(files.ends_with(resolver), "{files}");
        assert!(session.said("cri exec $l -- sh -c 'cat /dev/shm")?.starts_with("text\n"));
        assert!(session.said("cri exec $l -- sh -c 'echo more")?.ends_with("more"));
        session.ended("cri exec $k -- sh -c 'echo x", 1)?;
    }
    Ok(())
}

#[test]
fn a_terminal_and_a_seccomp_profile_are_given() -> Result<()> {
    let sessions = compare(
        "what a container is asked for with",
        &BOTH,
        &[
            "p=$(cri run asked)",
            "k=$(cri create $p tty tty -- sh -c 'tty; echo $TERM'); cri start $k; cri wait $k",
            "cut -d' ' -f2- /tmp/logs/asked/tty.log | tr -d '\\r'",
            "k=$(cri create $p filter seccomp=default -- grep Seccomp: /proc/self/status)",
            "cri start $k; cri wait $k; cut -d' ' -f2- /tmp/logs/asked/filter.log",
            "k=$(cri create $p all privileged -- grep CapEff /proc/self/status)",
            "cri start $k; cri wait $k; cut -d' ' -f2- /tmp/logs/asked/all.log",
            "cri rmp $p; left",
        ],
    )?;
    for session in sessions {
        assert!(session.said("cut")?.contains("/dev/pts/0"));
        assert!(session.said("cri start $k; cri wait $k; cut")?.contains("Seccomp:\t2"));
    }
    Ok(())
}
