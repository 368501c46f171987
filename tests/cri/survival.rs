//! What is left when containerd or the shim ends.

use crate::sessions::{BOTH, sessions};
use anyhow::Result;

/// What ends while containerd is away has, with runc's shim, ended with code 255 for an unknown
/// reason: so this is not compared.
#[test]
fn a_pod_goes_on_while_containerd_is_restarted() -> Result<()> {
    let commands = [
        "p=$(cri run stays)",
        "k=$(cri create $p one -- sleep 1000); cri start $k",
        "l=$(cri create $p two -- sh -c 'until [ -e /dev/shm/go ]; do sleep 0.01; done; exit 6')",
        "cri start $l",
        "end -TERM; begin",
        "cri pod $p; cri ps",
        "cri exec $k -- echo again",
        "end -KILL",
        "touch /proc/$(pgrep -x -f 'sleep 1000')/root/dev/shm/go; await '! pgrep -x sh'; begin",
        "cri wait $l; cri pod $p",
        "cri exec $k -- echo again",
        "m=$(cri create $p three -- sh -c 'exit 0'); cri start $m; cri wait $m",
        "cri stop $k 1; cri container $k",
        "cri rmp $p; cri pods; cri ps; left",
    ];
    for session in sessions("restart", &BOTH, &commands)? {
        let expected = "stays ready network=pod pid=container ipc=pod ip=true\n\
            one running\ntwo running";
        assert_eq!(session.said("cri pod $p; cri ps")?, expected);
        assert!(session.said("cri wait $l")?.contains("code=6"));
        assert_eq!(session.said("cri exec $k")?, "again");
    }
    Ok(())
}

#[test]
fn a_shim_that_is_killed_takes_its_pod_with_it() -> Result<()> {
    let commands = [
        "p=$(cri run dies)",
        "for n in one two; do k=$(cri create $p $n -- sleep 1000); cri start $k; done",
        "pkill -KILL -x containerd-shim",
        "await '! pgrep -x sleep && ! pgrep -x pause'",
        "await '[[ $(cri pods) == \"dies notready\" ]]'; cri pods",
        // Of containers whose shim has ended, containerd 2.1 asks nobody until it starts again.
        "end -TERM; begin; await '! cri ps | grep running'; cri ps",
        "cri rmp $p; cri pods; cri ps; left",
    ];
    for session in sessions("a shim that is killed", &BOTH, &commands)? {
        session.said("await '! pgrep")?;
        assert_eq!(session.said("await '[[")?, "dies notready");
        assert_eq!(session.said("end")?, "one exited\ntwo exited");
        assert_eq!(session.said("cri rmp")?, "");
    }
    Ok(())
}

#[test]
fn a_pod_whose_pause_is_killed_is_not_ready() -> Result<()> {
    let commands = [
        "p=$(cri run pauseless)",
        "k=$(cri create $p one -- sleep 1000); cri start $k",
        "pkill -KILL -x pause",
        "await '[[ $(cri pods) == \"pauseless notready\" ]]'; cri pods",
        "cri rmp $p; cri pods; cri ps; left",
    ];
    for session in sessions("a pause that is killed", &BOTH, &commands)? {
        assert_eq!(session.said("await")?, "pauseless notready");
        assert_eq!(session.said("cri rmp")?, "");
    }
    Ok(())
}
