//! User namespaces: root of the container is nobody of the host.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown, lchown};
use std::path::Path;
use tests::{Bundle, Root, namespace, skipped};

const FIRST: u32 = 100_000;
const MAPS: [&str; 4] = ["--uid-map", "0:100000:65536", "--gid-map", "0:100000:65536"];

fn map(container: u32, host: u32, size: u32) -> Value {
    json!({ "containerID": container, "hostID": host, "size": size })
}

/// With a user namespace of its own, and a root file system that belongs to its root.
fn mapped(bundle: Bundle) -> Result<Bundle> {
    give(&bundle.rootfs(), FIRST)?;
    Ok(bundle
        .with_namespace("user", None)
        .with("/linux/uidMappings", json!([map(0, FIRST, 65536)]))
        .with("/linux/gidMappings", json!([map(0, FIRST, 65536)])))
}

fn give(path: &Path, id: u32) -> Result<()> {
    lchown_one(path, id)?;
    if path.symlink_metadata()?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), id)?;
        }
    }
    Ok(())
}

fn lchown_one(path: &Path, id: u32) -> Result<()> {
    lchown(path, Some(id), Some(id)).with_context(|| path.display().to_string())
}

const ALL: &[&str] = &["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SETUID", "CAP_SETGID"];

#[test]
fn root_of_the_container_is_nobody_of_the_host() -> Result<()> {
    let root = Root::new()?;
    let script = "id -u; cat /proc/self/uid_map; ls -ldn /proc /bin | cut -c1-40; \
                  grep ^CapEff /proc/self/status; sleep 100";
    let bundle = mapped(root.shell(script)?)?.as_root(ALL);
    let container = root.start_container("c", &bundle)?;
    let text = container.says("CapEff")?;
    let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["0"]);
    assert_eq!(lines[1], ["0", "100000", "65536"]);
    let uids = container.process.field("Uid")?;
    assert_eq!(uids.split_whitespace().collect::<Vec<_>>(), ["100000"; 4]);
    // All of its namespaces are owned by it.
    let own = i32::try_from(std::process::id())?;
    for kind in ["user", "mnt", "net", "pid", "ipc", "uts", "cgroup"] {
        assert_ne!(container.namespace(kind)?, namespace(own, kind)?, "{kind}");
    }
    container.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn it_may_in_its_namespaces_what_it_may_not_on_the_host() -> Result<()> {
    let root = Root::new()?;
    let script = "hostname inside && mount -t tmpfs none /tmp && ifconfig lo && \
                  ! chown 70000 /tmp && chown 5 /tmp && echo fine";
    let bundle = mapped(root.shell(script)?)?.as_root(ALL);
    fs::create_dir_all(bundle.rootfs().join("tmp"))?;
    let container = root.start_container("c", &bundle)?;
    let output = container.output()?;
    assert!(output.ends_with("fine\n"), "{output} {}", container.complaints());
    Ok(())
}

#[test]
fn every_usual_mount_and_device_is_there() -> Result<()> {
    let root = Root::new()?;
    let script = "set -e; for kind in proc sysfs devpts mqueue cgroup2 tmpfs; do \
                    grep -q \" - $kind \" /proc/self/mountinfo || echo no $kind; done; \
                  test -d /proc/1 && test -d /sys/class/net/lo && test -e /dev/pts/ptmx; \
                  grep -qx 0::/ /proc/self/cgroup; test -e /sys/fs/cgroup/cgroup.procs; \
                  for device in null zero full random urandom tty; do \
                    test -c /dev/$device || echo no $device; done; \
                  echo text >/dev/null; head -c 3 /dev/zero | wc -c; \
                  test -z \"$(cat /proc/keys)\"; echo all";
    let bundle =
        mapped(root.shell(script)?)?.as_root(&[]).with("/linux/maskedPaths", ["/proc/keys"]);
    let bundle = bundle
        .without_mount("/dev/mqueue")
        .with_mount("mqueue", "mqueue", "/dev/mqueue", &["nosuid"])
        .without_mount("/sys/fs/cgroup")
        .with_mount("cgroup", "cgroup", "/sys/fs/cgroup", &["nosuid"]);
    let container = root.start_container("c", &bundle)?;
    assert_eq!(container.output()?, "3\nall\n", "{}", container.complaints());
    container.delete(&[])?;
    root.has_nothing_left()
}

#[test]
fn the_users_of_the_program_are_those_of_the_map() -> Result<()> {
    let root = Root::new()?;
    let bundle = mapped(root.shell("id; echo $(id -G); sleep 100")?)?
        .with("/process/user", json!({ "uid": 7, "gid": 8, "additionalGids": [9] }))
        .with("/process/oomScoreAdj", 500);
    let container = root.start_container("c", &bundle)?;
    assert!(container.says("8 9\n")?.starts_with("uid=7 gid=8"));
    assert!(container.process.field("Uid")?.starts_with("100007"));
    assert!(container.process.field("Groups")?.contains("100009"));
    let score = fs::read_to_string(format!("/proc/{}/oom_score_adj", container.pid()))?;
    assert_eq!(score.trim(), "500");
    Ok(())
}

#[test]
fn a_pod_has_one_user_namespace_for_all() -> Result<()> {
    for mode in ["shared", "nested"] {
        let root = Root::new()?;
        let sandbox = root.sandbox("pod", &[&["--pid", mode], &MAPS[..]].concat())?;
        assert_eq!(sandbox.process.field("Uid")?.split_whitespace().next(), Some("165534"));
        let script = "id -u; test -d /sys/class/net/lo && echo shared >/dev/shm/file && hostname \
                      inside && sleep 100";
        // With the same maps, or none.
        let alone = root.shell(script)?.as_root(ALL);
        give(&alone.rootfs(), FIRST)?;
        let first = sandbox.start("a", &mapped(root.shell(script)?)?.as_root(ALL))?;
        let second = sandbox.start("b", &alone)?;
        for container in [&first, &second] {
            container.says("0\n")?;
            for kind in ["user", "net", "ipc", "uts"] {
                assert_eq!(container.namespace(kind)?, sandbox.namespace(kind)?, "{mode} {kind}");
            }
            assert!(container.process.field("Uid")?.starts_with("100000"), "{mode}");
        }
        let third = root.shell("cat /dev/shm/file; hostname; ps | wc -l")?;
        give(&third.rootfs(), FIRST)?;
        let output = sandbox.output_of("c", &third)?;
        assert!(output.starts_with("shared\ninside\n"), "{mode} {output}");
        for container in [&first, &second] {
            container.kill("KILL")?;
            container.wait()?;
        }
        sandbox.stop("0")?;
        sandbox.delete(&[])?;
        root.has_nothing_left()?;
    }
    Ok(())
}

#[test]
fn a_container_of_a_pod_can_have_no_other_map() -> Result<()> {
    let root = Root::new()?;
    let sandbox = root.sandbox("pod", &MAPS)?;
    let bundle = mapped(root.bundle(&["true"])?)?;
    let other = bundle.with("/linux/uidMappings", json!([map(0, 200_000, 65536)]));
    let message = root.try_create("c", &other, &["--sandbox", &sandbox.id])?.refused()?;
    let wanted = "linux.uidMappings: 0:200000:65536: that of the sandbox is 0:100000:65536";
    assert_eq!(message, wanted);
    let without = root.sandbox("without", &[])?;
    let bundle = mapped(root.bundle(&["true"])?)?;
    let message = root.try_create("c", &bundle, &["--sandbox", &without.id])?.refused()?;
    assert!(message.contains("sandbox create --uid-map"), "{message}");
    Ok(())
}

#[test]
fn namespaces_of_the_host_can_be_joined_beside_a_new_user_namespace() -> Result<()> {
    let root = Root::new()?;
    let sandbox = root.sandbox("pod", &[])?;
    let network = sandbox.path("/namespaces/network")?.to_owned();
    // Another owner's network, so the host's sysfs.
    let script = "id -u; test -d /sys/class/net && ! touch /sys/x 2>/dev/null && \
                  ! ifconfig lo down 2>/dev/null && echo fine";
    let bundle = mapped(root.shell(script)?)?.as_root(ALL);
    let bundle = bundle.with_namespace("network", Some(&network));
    let container = root.create("c", &bundle)?;
    assert_eq!(container.namespace("net")?, sandbox.namespace("net")?);
    container.start()?;
    assert_eq!(container.output()?, "0\nfine\n");
    container.delete(&[])?;
    sandbox.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn a_user_namespace_can_be_joined_by_path() -> Result<()> {
    let root = Root::new()?;
    let sandbox = root.sandbox("pod", &MAPS)?;
    let user = sandbox.path("/namespaces/user")?.to_owned();
    let pid = sandbox.path("/namespaces/pid")?.to_owned();
    let network = sandbox.path("/namespaces/network")?.to_owned();
    let of_pod = |bundle: Bundle| bundle.with_namespace("network", Some(&network));
    for (number, bundle) in [
        // New namespaces, owned by that which is joined.
        root.shell("id -u; hostname inside && mount -t tmpfs x /tmp && echo $$")?,
        of_pod(root.shell("id -u; test -d /sys/class/net/lo && echo $$")?),
        of_pod(root.shell("id -u; echo $$")?).with_namespace("pid", Some(&pid)),
    ]
    .into_iter()
    .enumerate()
    {
        fs::create_dir_all(bundle.rootfs().join("tmp"))?;
        give(&bundle.rootfs(), FIRST)?;
        let bundle = bundle.as_root(ALL).with_namespace("user", Some(&user));
        let container = root.create(&format!("c{number}"), &bundle)?;
        assert_eq!(container.namespace("user")?, sandbox.namespace("user")?);
        container.start()?;
        let output = container.output()?;
        assert!(output.starts_with("0\n") && output.lines().count() == 2, "{number} {output}");
        container.delete(&[])?;
    }
    sandbox.delete(&["--force"])?;
    root.has_nothing_left()
}

#[test]
fn hooks_run_beside_a_user_namespace() -> Result<()> {
    let root = Root::new()?;
    let bundle = mapped(root.shell("cat /hooked")?)?;
    fs::write(bundle.rootfs().join("hooked"), "")?;
    chown(bundle.rootfs().join("hooked"), Some(FIRST), Some(FIRST))?;
    let file = bundle.rootfs().join("hooked");
    let file = file.to_str().context("a path")?;
    let hook = |file: &str| {
        let text = format!("echo $(cat /proc/self/uid_map) >>{file}");
        json!([{ "path": "/bin/sh", "args": ["sh", "-c", text] }])
    };
    let bundle = bundle
        .with("/hooks/createRuntime", hook(file))
        // Root of the container has no way to the path of its own root, but is in it.
        .with("/hooks/createContainer", hook("hooked"))
        .with("/hooks/startContainer", hook("/hooked"))
        .with("/root/readonly", false);
    let container = root.start_container("c", &bundle.as_root(&[]))?;
    let hosts = fs::read_to_string("/proc/self/uid_map")?;
    let hosts = hosts.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = format!("{hosts}\n0 100000 65536\n0 100000 65536\n");
    assert_eq!(container.output()?, wanted);
    Ok(())
}

#[test]
fn an_idmapped_mount_shows_other_owners() -> Result<()> {
    let name = "an_idmapped_mount_shows_other_owners";
    let root = Root::new()?;
    let source = root.file("source");
    fs::create_dir_all(source.join("below"))?;
    fs::write(source.join("file"), "")?;
    chown(source.join("file"), Some(5), Some(6))?;
    let path = source.to_str().context("a path")?;
    let script = "stat -c '%u %g' /with /with/file; touch /with/new";
    // By the container's own maps.
    let bundle = mapped(root.shell(script)?.with_mount("bind", path, "/with", &["bind", "idmap"]))?;
    let tried = root.try_create("try", &bundle, &[])?;
    if tried.stderr.contains("tmpfs cannot be mounted with other owners") {
        return skipped(name, "tmpfs takes no other owners before Linux 6.3");
    }
    let container = root.start_container("c", &bundle.as_root(&[]))?;
    assert_eq!(container.output()?, "0 0\n5 6\n");
    assert_eq!(fs::metadata(source.join("new"))?.uid(), 0, "on the disk");
    // By maps of its own, without a user namespace.
    let mount = json!({
        "destination": "/with", "type": "bind", "source": path, "options": ["rbind", "ridmap"],
        "uidMappings": [map(0, 1000, 10)], "gidMappings": [map(0, 2000, 10)],
    });
    let bundle = root.shell("stat -c '%u %g' /with /with/file")?.with("/mounts/-", mount);
    let container = root.start_container("d", &bundle)?;
    assert_eq!(container.output()?, "1000 2000\n1005 2006\n");
    Ok(())
}

#[test]
fn a_process_that_is_added_is_in_it_too() -> Result<()> {
    for mode in ["alone", "shared", "nested"] {
        let root = Root::new()?;
        let bundle = mapped(root.shell("echo up; sleep 100")?)?.as_root(ALL);
        let bundle = bundle.with_namespace("time", None);
        let container = if mode == "alone" {
            root.start_container("c", &bundle)?
        } else {
            root.sandbox("pod", &[&["--pid", mode], &MAPS[..]].concat())?.start("c", &bundle)?
        };
        container.says("up")?;
        let script = "id -u; readlink /proc/self/ns/user; readlink /proc/self/ns/time; \
                      touch /dev/mine && stat -c %u /dev/mine";
        let output = root.run(&["exec", &container.id, "sh", "-c", script])?.ok()?;
        let (user, time) = (container.namespace("user")?, container.namespace("time")?);
        assert_eq!(output, format!("0\n{user}\n{time}\n0\n"), "{mode}");
        let output = root.run(&["exec", "--user", "7:8", &container.id, "id"])?.ok()?;
        assert!(output.starts_with("uid=7 gid=8"), "{mode} {output}");
        container.kill("KILL")?;
        container.wait()?;
    }
    Ok(())
}
