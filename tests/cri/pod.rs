//! The life of a pod.

use crate::sessions::{BOTH, compare, sessions};
use anyhow::Result;

#[test]
fn a_pod_has_a_container_from_its_first_call_to_its_last() -> Result<()> {
    let sessions = compare(
        "a pod",
        &BOTH,
        &[
            "p=$(cri run web hostname=pod-host)",
            "cri pod $p",
            "k=$(cri create $p one -- sh -c 'echo hello; echo error >&2; exec sleep 1000')",
            "cri container $k",
            "cri start $k",
            "cri container $k; cri ps; cri pods",
            "cri exec $k -- sh -c 'echo inside; exit 3'",
            "cri exec $k -- nonesuch",
            "await 'grep -q error /tmp/logs/web/one.log'",
            "cut -d' ' -f2- /tmp/logs/web/one.log | sort",
            "cri stop $k 1",
            "cri container $k",
            "cri exec $k -- true",
            "cri stopp $p",
            "cri pod $p; cri pods",
            "cri stopp $p",
            "cri rm $k",
            "cri rmp $p",
            "cri rmp $p",
            "cri pods; cri ps; left",
        ],
    )?;
    for session in sessions {
        let pod = session.said("cri pod $p")?;
        assert_eq!(pod, "web ready network=pod pid=container ipc=pod ip=true");
        assert_eq!(session.ended("cri exec $k -- sh", 3)?, "inside");
        assert_eq!(session.said("cut")?, "stderr F error\nstdout F hello");
        assert_eq!(session.said("cri pods; cri ps; left")?, "");
    }
    Ok(())
}

#[test]
fn a_pod_that_is_removed_as_it_runs_takes_its_containers_with_it() -> Result<()> {
    let sessions = compare(
        "a pod that is removed",
        &BOTH,
        &[
            "p=$(cri run gone)",
            "for n in one two; do k=$(cri create $p $n -- sleep 1000); cri start $k; done",
            "cri create $p three -- sleep 1000 >/dev/null",
            "cri rmp $p",
            "cri pods; cri ps; left",
        ],
    )?;
    for session in sessions {
        assert_eq!(session.said("cri pods")?, "");
    }
    Ok(())
}

/// And pause runs, whatever the image's program is.
#[test]
fn a_pod_is_one_shim_pause_and_its_containers() -> Result<()> {
    let sessions = sessions(
        "the processes of a pod",
        &BOTH,
        &[
            "p=$(cri run few)",
            "for n in one two; do k=$(cri create $p $n -- sleep 1000); cri start $k; done",
            "ps -eo user=,comm= | grep -E ' (containerd-shim|pause|sleep)$' | tr -s ' ' | sort",
            "grep -h -E '^(Cap(Eff|Bnd)|Seccomp):' /proc/$(pgrep -x pause)/status | tr -s '\t' ' '",
            "readlink /proc/$(pgrep -x pause)/ns/net | grep -c -v -F \
             $(readlink /proc/self/ns/net)",
            "cri rmp $p; left",
        ],
    )?;
    for session in sessions {
        let processes = "65535 pause\nroot containerd-shim\nroot sleep\nroot sleep";
        assert_eq!(session.said("ps")?, processes);
        let status = "CapEff: 0000000000000000\nCapBnd: 0000000000000000\nSeccomp: 2";
        assert_eq!(session.said("grep")?, status);
        assert_eq!(session.said("readlink")?, "1");
        assert_eq!(session.said("cri rmp")?, "");
    }
    Ok(())
}

#[test]
fn ten_pods_come_and_go_at_once() -> Result<()> {
    const POD: &str = "pod() { p=$(cri run pod$1) && k=$(cri create $p one -- sh -c \"exit $1\") && \
        cri start $k && cri wait $k && cri rmp $p; }";
    const ALL: &str = "for n in $(seq 10); do pod $n >/tmp/pod$n 2>&1 & pids[n]=$!; done; \
        for n in $(seq 10); do wait ${pids[n]}; echo $? $(cat /tmp/pod$n); done";
    for session in sessions("ten pods", &BOTH, &[POD, ALL, "cri pods; cri ps; left"])? {
        let line = |code| format!("0 exited started=yes finished=yes code={code} reason=Error");
        let expected: Vec<_> = (1..=10).map(line).collect();
        assert_eq!(session.said("for n")?, expected.join("\n"));
        assert_eq!(session.said("cri pods")?, "");
    }
    Ok(())
}
