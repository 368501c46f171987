//! podman, by conmon. `podman.sh` makes it ready.

use crate::sessions::{Session, compare};
use anyhow::{Result, ensure};

fn session(name: &str, commands: &[&str]) -> Result<Option<Session>> {
    compare(name, "/usr/bin/crun", include_str!("podman.sh"), commands)
}

#[test]
fn a_program_is_run_and_its_end_is_told() -> Result<()> {
    let session = session(
        "podman run",
        &[
            "p run --rm $o $image echo hello",
            "p run --rm $o $image sh -c 'exit 7'",
            "p run --rm $o $image nonesuch",
            "p run --rm $o $image /bin/nonesuch",
            "p run --rm $o $image /etc",
            "echo typed | p run -i --rm $o $image cat",
            "p run -t --rm $o $image sh -c 'tty; echo $TERM'",
            "p run --rm --init $o $image sh -c 'cat /proc/1/comm'",
            "p ps --all --quiet",
        ],
    )?;
    let Some(session) = session else { return Ok(()) };
    assert_eq!(session.said("p run --rm $o $image echo")?, "hello");
    session.failed("p run --rm $o $image sh -c 'exit 7'", 7)?;
    session.failed("p run --rm $o $image nonesuch", 127)?;
    session.failed("p run --rm $o $image /bin/nonesuch", 127)?;
    session.failed("p run --rm $o $image /etc", 126)?;
    assert_eq!(session.said("echo typed")?, "typed");
    assert!(session.said("p run -t")?.starts_with("/dev/pts/0"));
    assert_eq!(session.said("p ps")?, "");
    Ok(())
}

#[test]
fn what_a_container_may_and_has_is_as_asked_for() -> Result<()> {
    let status = "grep -E 'Cap|NoNew|Seccomp|Groups' /proc/self/status";
    let unprivileged = "--security-opt no-new-privileges";
    let session = session(
        "podman's options",
        &[
            &format!("p run --rm $o $image {status}"),
            &format!("p run --rm $o --cap-drop all {unprivileged} $image {status}"),
            &format!("p run --rm $o --security-opt seccomp=unconfined $image {status}"),
            &format!("p run --rm $o --privileged $image {status}"),
            "p run --rm $o --read-only $image touch /x",
            "p run --rm $o --user 5:6 --group-add 77 --umask 027 $image sh -c 'id; umask'",
            "p run --rm $o --ulimit nofile=100:200 --hostname h $image sh -c 'ulimit -n; hostname'",
            "p run --rm $o --uidmap 0:100000:65536 $image cat /proc/self/uid_map",
            "p run --rm $o --tmpfs /t:size=1m $image grep ' /t ' /proc/mounts",
            "p run --rm $o -v /usr/share:/v:ro $image sh -c 'touch /v/x'",
            "p run --rm $o --pid host --ipc host --uts host $image echo shared",
            "p run --rm $o --sysctl net.ipv4.ip_forward=1 $image sysctl -n net.ipv4.ip_forward",
            "p run --rm $o --device /dev/fuse $image stat -c '%A %t:%T' /dev/fuse",
            "p run --rm $o --oom-score-adj 100 $image cat /proc/self/oom_score_adj",
            "p run --rm $o --systemd always $image grep -E ' /(run|tmp|run/lock) ' /proc/mounts",
            "p run --rm $o -e A=b -w /bin $image sh -c 'echo $A; pwd'",
        ],
    )?;
    let Some(session) = session else { return Ok(()) };
    assert!(session.said("p run --rm $o --cap-drop")?.contains("CapBnd:\t0000000000000000"));
    assert!(session.said("p run --rm $o --uidmap")?.contains("100000"));
    assert!(session.said("p run --rm $o --device")?.contains("a:e5"));
    assert!(session.said("p run --rm $o --user")?.contains("uid=5"));
    Ok(())
}

#[test]
fn a_container_lives_from_run_to_rm() -> Result<()> {
    let session = session(
        "podman's verbs",
        &[
            "p run -d --name a $o $image sh -c \
             'trap \"exit 5\" TERM; echo up; while :; do sleep 0.1; done'",
            "p exec a echo inside",
            "p exec a sh -c 'exit 9'",
            "p exec a nonesuch",
            "p exec -t a tty",
            "echo typed | p exec -i a cat",
            "p exec -e A=b -u 65534 -w /bin a sh -c 'id -u; pwd; echo $A'",
            "p exec -d a sleep 100",
            "p top a args | sort | uniq",
            "p pause a",
            "p inspect a --format '{{.State.Status}}'",
            "p exec a true",
            "p unpause a",
            "p kill -s USR2 a",
            "p wait --condition running a",
            "p stats --no-stream --format '{{.Name}}' a",
            "p stop -t 10 a",
            "p inspect a --format '{{.State.Status}} {{.State.ExitCode}}'",
            "p logs a",
            "p start a",
            "p attach --no-stdin a & sleep 0.5; p kill a; wait $!",
            "p rm -f a",
            "p ps --all --quiet",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("p exec a echo")?, "inside");
    session.failed("p exec a sh", 9)?;
    session.failed("p exec a nonesuch", 127)?;
    assert_eq!(session.said("p inspect a --format '{{.State.Status}}'")?, "paused");
    Ok(())
}

#[test]
fn a_pod_has_containers_in_its_namespaces() -> Result<()> {
    let session = session(
        "podman's pods",
        &[
            "p pod create --name pod --network none --infra-image $image \
             --infra-command 'sleep 1000'",
            "p run -d --pod pod --name one --pids-limit 0 $image sleep 1000",
            "p run -d --pod pod --name two --pids-limit 0 $image sleep 1000",
            "for c in one two; do p exec $c readlink /proc/self/ns/net; done | uniq | wc -l",
            "p pod ps --format '{{.Status}} {{.NumberOfContainers}}'",
            "p pod pause pod",
            "p pod unpause pod",
            "p pod kill pod",
            "p pod rm -f -t 0 pod",
            "p ps --all --quiet",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    assert_eq!(session.said("for c in")?, "1");
    assert_eq!(session.said("p pod ps")?, "Running 3");
    Ok(())
}

#[test]
fn health_files_and_images_work() -> Result<()> {
    let session = session(
        "podman's other verbs",
        &[
            "p run -d --name h --health-cmd 'test -e /ok' --health-interval disable $o $image \
             sleep 1000",
            "p healthcheck run h",
            "p exec h touch /ok",
            "p healthcheck run h",
            "echo text >/tmp/file; p cp /tmp/file h:/copied",
            "p exec h cat /copied",
            "p diff h | sort",
            "p commit -q h localhost/new:1 >/dev/null",
            "p rm -f -t 0 h",
            "p run --rm $o localhost/new:1 cat /copied",
            "p create --name c $o $image true >/dev/null && p init c",
            "p inspect c --format '{{.State.Status}}'",
            "p rm c",
        ],
    );
    let Some(session) = session? else { return Ok(()) };
    let checks: Vec<_> =
        session.outcomes.iter().filter(|one| one.command.contains("healthcheck")).collect();
    ensure!((checks[0].code, checks[1].code) == (1, 0), "{checks:#?}");
    assert_eq!(session.said("p run --rm $o localhost/new")?, "text");
    Ok(())
}
