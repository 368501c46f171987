//! What a program finds when it begins to run.

use anyhow::{Context, Result};
use serde_json::json;
use std::fs;
use tests::{Bundle, Root, field_of};

fn output(root: &Root, bundle: &Bundle) -> Result<String> {
    root.start_container("c", bundle)?.output()
}

fn status(root: &Root, bundle: Bundle) -> Result<String> {
    output(root, &bundle.with("/process/args", ["cat", "/proc/self/status"]))
}

#[test]
fn it_is_who_config_json_says_and_may_do_nothing() -> Result<()> {
    let root = Root::new()?;
    let user = json!({ "uid": 1000, "gid": 1001, "additionalGids": [5, 1002] });
    let status = status(&root, root.bundle(&[])?.with("/process/user", user))?;
    for (name, expected) in [
        ("Uid", "1000\t1000\t1000\t1000"),
        ("Gid", "1001\t1001\t1001\t1001"),
        ("Groups", "5 1002"),
        ("CapInh", NO_CAPABILITY),
        ("CapPrm", NO_CAPABILITY),
        ("CapEff", NO_CAPABILITY),
        ("CapBnd", NO_CAPABILITY),
        ("CapAmb", NO_CAPABILITY),
        ("NoNewPrivs", "1"),
        ("Seccomp", "0"),
        ("Umask", "0022"),
    ] {
        assert_eq!(field_of(&status, name)?, expected, "{name}");
    }
    Ok(())
}

const NO_CAPABILITY: &str = "0000000000000000";

#[test]
fn it_has_the_capabilities_that_were_asked_for_and_no_other() -> Result<()> {
    let root = Root::new()?;
    let names = ["CAP_CHOWN", "CAP_KILL"];
    let bundle = root.bundle(&[])?.as_root(&names);
    let bundle = bundle
        .with("/process/user", json!({ "uid": 1000, "gid": 1000 }))
        .with("/process/capabilities/inheritable", ["CAP_KILL"])
        .with("/process/capabilities/ambient", ["CAP_KILL"]);
    let status = status(&root, bundle)?;
    // CAP_CHOWN is 0 and CAP_KILL 5: what another user keeps across execve is the ambient set.
    assert_eq!(field_of(&status, "CapBnd")?, "0000000000000021");
    assert_eq!(field_of(&status, "CapPrm")?, "0000000000000020");
    assert_eq!(field_of(&status, "CapEff")?, "0000000000000020");
    assert_eq!(field_of(&status, "CapAmb")?, "0000000000000020");
    Ok(())
}

#[test]
fn privileges_may_be_gained_where_config_json_does_not_forbid_it() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&[])?.with("/process/noNewPrivileges", false);
    assert_eq!(field_of(&status(&root, bundle)?, "NoNewPrivs")?, "0");
    Ok(())
}

#[test]
fn no_signal_is_ignored_or_blocked() -> Result<()> {
    let root = Root::new()?;
    let status = status(&root, root.bundle(&[])?)?;
    for set in ["SigIgn", "SigBlk", "SigPnd", "ShdPnd"] {
        assert_eq!(field_of(&status, set)?, "0000000000000000", "{set}");
    }
    Ok(())
}

#[test]
fn its_resource_limits_are_those_of_config_json() -> Result<()> {
    let root = Root::new()?;
    let limits = json!([
        { "type": "RLIMIT_NOFILE", "soft": 100, "hard": 200 },
        { "type": "RLIMIT_CORE", "soft": 0, "hard": 0 },
    ]);
    let bundle = root.shell("grep -E 'open files|core' /proc/self/limits")?;
    let limits = output(&root, &bundle.with("/process/rlimits", limits))?;
    let rows: Vec<Vec<_>> = limits.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["Max", "core", "file", "size", "0", "0", "bytes"]);
    assert_eq!(rows[1], ["Max", "open", "files", "100", "200", "files"]);
    Ok(())
}

#[test]
fn its_oom_score_is_that_of_config_json() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["cat", "/proc/self/oom_score_adj"])?;
    assert_eq!(output(&root, &bundle.with("/process/oomScoreAdj", 555))?, "555\n");
    Ok(())
}

#[test]
fn it_has_the_usual_devices() -> Result<()> {
    let root = Root::new()?;
    let script = "cd /dev; ls; stat -c '%n %F %t:%T %a' full null random tty urandom zero;
        for link in fd stdin stdout stderr ptmx; do readlink $link; done;
        head -c 3 zero | wc -c; echo x >null; ls pts";
    let seen = output(&root, &root.shell(script)?)?;
    let expected = "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero \
        full character special file 1:7 666 null character special file 1:3 666 \
        random character special file 1:8 666 tty character special file 5:0 666 \
        urandom character special file 1:9 666 zero character special file 1:5 666 \
        /proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 pts/ptmx 3 ptmx";
    assert_eq!(seen.split_whitespace().collect::<Vec<_>>().join(" "), expected);
    Ok(())
}

#[test]
fn it_has_the_devices_of_config_json_too() -> Result<()> {
    let root = Root::new()?;
    let devices = json!([
        { "path": "/dev/deep/fuse", "type": "c", "major": 10, "minor": 229,
          "fileMode": 0o640, "uid": 3, "gid": 4 },
        { "path": "/dev/fifo", "type": "p", "fileMode": 0o600 },
    ]);
    let bundle =
        root.bundle(&["stat", "-c", "%F %t:%T %a %u:%g", "/dev/deep/fuse", "/dev/fifo"])?;
    let seen = output(&root, &bundle.with("/linux/devices", devices))?;
    assert_eq!(seen, "character special file a:e5 640 3:4\nfifo 0:0 600 0:0\n");
    Ok(())
}

#[test]
fn masked_paths_are_empty() -> Result<()> {
    let root = Root::new()?;
    let script = "head -c 9 /proc/meminfo | wc -c; ls -A /sys/kernel | wc -l
        (echo x >/sys/kernel/new) 2>&1; stat -c %t:%T /proc/meminfo";
    let masked = ["/proc/meminfo", "/sys/kernel", "/proc/not-there"];
    let bundle = root.shell(script)?.as_root(&["CAP_DAC_OVERRIDE"]);
    let seen = output(&root, &bundle.with("/linux/maskedPaths", &masked[..]))?;
    let lines: Vec<_> = seen.lines().collect();
    assert_eq!(lines[..2], ["0", "0"], "{seen}");
    assert!(lines[2].ends_with("Read-only file system"), "{seen}");
    assert_eq!(lines[3..], ["1:3"], "{seen}");
    Ok(())
}

#[test]
fn readonly_paths_cannot_be_written() -> Result<()> {
    let root = Root::new()?;
    let script = "
        (echo x >/proc/sys/kernel/domainname) 2>&1
        (echo x >/tmp/file) 2>&1
        echo x >/var/file && echo written";
    let readonly = ["/proc/sys", "/tmp", "/proc/not-there"];
    let bundle = root.shell(script)?.as_root(&["CAP_DAC_OVERRIDE"]).with("/root/readonly", false);
    let seen = output(&root, &bundle.with("/linux/readonlyPaths", &readonly[..]))?;
    let lines: Vec<_> = seen.lines().collect();
    assert!(lines[0].ends_with("domainname: Read-only file system"), "{seen}");
    assert!(lines[1].ends_with("file: Read-only file system"), "{seen}");
    assert_eq!(lines[2..], ["written"], "{seen}");
    Ok(())
}

#[test]
fn a_read_only_root_cannot_be_written_or_made_writable() -> Result<()> {
    let root = Root::new()?;
    let script = "(echo x >/file) 2>&1; (mount -o remount,rw /) 2>&1; (echo x >/file) 2>&1; true";
    let seen = output(&root, &root.shell(script)?.as_root(&["CAP_DAC_OVERRIDE"]))?;
    assert_eq!(seen.matches("Read-only file system").count(), 2, "{seen}");
    assert!(seen.contains("permission denied"), "{seen}");
    Ok(())
}

#[test]
fn a_root_that_is_not_read_only_can_be_written() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("echo text >/file")?.as_root(&[]).with("/root/readonly", false);
    output(&root, &bundle)?;
    assert_eq!(fs::read_to_string(bundle.rootfs().join("file"))?, "text\n");
    Ok(())
}

#[test]
fn the_hostname_and_the_domainname_are_set() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("hostname; cat /proc/sys/kernel/domainname")?;
    let bundle = bundle.with("/hostname", "pea").with("/domainname", "pod.example");
    assert_eq!(output(&root, &bundle)?, "pea\npod.example\n");
    Ok(())
}

#[test]
fn a_working_directory_that_is_missing_is_made() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["pwd"])?.with("/process/cwd", "/made/for/this");
    assert_eq!(output(&root, &bundle.with("/root/readonly", false))?, "/made/for/this\n");
    Ok(())
}

#[test]
fn the_environment_is_that_of_config_json_and_a_home() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["env"])?.with("/process/env", ["PATH=/bin", "A=b c", "EMPTY="]);
    assert_eq!(output(&root, &bundle)?, "PATH=/bin\nA=b c\nEMPTY=\nHOME=/\n");
    Ok(())
}

#[test]
fn new_files_have_the_mode_that_the_umask_leaves() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["sh", "-c", "umask"])?.with("/process/user/umask", 0o027);
    assert_eq!(output(&root, &bundle)?, "0027\n");
    Ok(())
}

#[test]
fn its_cgroup_is_the_top_of_what_it_sees() -> Result<()> {
    let root = Root::new()?;
    let script = "grep ^0: /proc/self/cgroup; exec cat /sys/fs/cgroup/cgroup.procs";
    assert_eq!(output(&root, &root.shell(script)?)?, "0::/\n1\n");
    Ok(())
}

#[test]
fn no_mount_of_the_host_is_left() -> Result<()> {
    let root = Root::new()?;
    let seen = output(&root, &root.bundle(&["cat", "/proc/self/mountinfo"])?)?;
    let points: Vec<_> = seen.lines().filter_map(|line| line.split(' ').nth(4)).collect();
    let ours = |point: &&str| ["/proc", "/sys", "/dev"].iter().any(|top| point.starts_with(top));
    let others: Vec<_> = points.iter().filter(|point| !ours(point)).collect();
    assert_eq!(others, [&"/"], "{seen}");
    assert!(seen.lines().all(|line| !line.contains(" shared:")), "{seen}");
    Ok(())
}

#[test]
fn it_has_three_descriptors() -> Result<()> {
    let root = Root::new()?;
    // The fourth is that of the directory which is being listed.
    let seen = output(&root, &root.bundle(&["ls", "/proc/self/fd"])?)?;
    assert_eq!(seen.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
    Ok(())
}

#[test]
fn it_is_pid_1_of_a_session_of_its_own() -> Result<()> {
    let root = Root::new()?;
    let stat = output(&root, &root.shell("exec cat /proc/self/stat")?)?;
    let (_, after) = stat.rsplit_once(") ").context("no name")?;
    let fields: Vec<_> = after.split(' ').collect();
    // proc_pid_stat(5): state, parent, process group, session, terminal.
    assert!(stat.starts_with("1 "), "{stat}");
    assert_eq!(fields[1..5], ["0", "1", "1", "0"], "{stat}");
    Ok(())
}

#[test]
fn sysctls_of_its_namespaces_are_set() -> Result<()> {
    let root = Root::new()?;
    let sysctls = json!({ "net.ipv4.ip_forward": "1", "kernel.shmmax": "1234567" });
    let bundle = root.shell("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmax")?;
    assert_eq!(output(&root, &bundle.with("/linux/sysctl", sysctls))?, "1\n1234567\n");
    Ok(())
}

#[test]
fn the_loopback_interface_is_up() -> Result<()> {
    let root = Root::new()?;
    let seen = output(&root, &root.shell("ifconfig lo")?)?;
    assert!(seen.contains("inet addr:127.0.0.1") && seen.contains("UP LOOPBACK"), "{seen}");
    Ok(())
}

#[test]
fn a_bind_mount_shows_what_is_there_with_its_options() -> Result<()> {
    let root = Root::new()?;
    let source = root.file("source");
    fs::create_dir(&source)?;
    fs::write(source.join("file"), "text\n")?;
    let bundle = root
        .shell("cat /mnt/new/file; (echo x >/mnt/new/file) 2>&1; true")?
        .as_root(&["CAP_DAC_OVERRIDE"])
        .with("/root/readonly", false)
        .with_mount("bind", &source.to_string_lossy(), "/mnt/new", &["bind", "ro"]);
    let seen = output(&root, &bundle)?;
    assert!(seen.starts_with("text\n") && seen.contains("Read-only file system"), "{seen}");
    assert_eq!(fs::read_to_string(source.join("file"))?, "text\n");
    Ok(())
}
