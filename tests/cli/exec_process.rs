//! `peapod exec`: what the program is given by the options, by a file, and by config.json.

use anyhow::{Context, Result};
use serde_json::json;
use std::fs;
use tests::{Bundle, Cgroup, Container, Root, field_of, skipped};

fn capable(root: &Root) -> Result<Bundle> {
    Ok(root.bundle(&["sleep", "1000"])?.as_root(&["CAP_KILL"]))
}

fn status(container: &Container<'_>, options: &[&str]) -> Result<String> {
    container.exec(options, &["cat", "/proc/self/status"])?.ok()
}

#[test]
fn a_user_is_a_number_and_may_have_a_group() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    for (user, uid, gid) in
        [("1", "1", "65534"), ("1:2", "1", "2"), ("4294967294:0", "4294967294", "0")]
    {
        let output = container.exec(&["-u", user], &["sh", "-c", "id -u; id -g"])?.ok()?;
        assert_eq!(output, format!("{uid}\n{gid}\n"), "{user}");
    }
    for user in [":2", "1:", "x", "-1", "+1", " 1", "4294967295", "1:4294967295", "root", ""] {
        let message = container.exec(&[&format!("--user={user}")], &["true"])?.refused()?;
        assert!(message.contains("--user"), "{user:?}: {message}");
    }
    Ok(())
}

#[test]
fn groups_are_added() -> Result<()> {
    let root = Root::new()?;
    let bundle = capable(&root)?.with("/process/user/additionalGids", json!([5]));
    let container = root.start_container("c", &bundle)?;
    let text = status(&container, &["-g", "6", "--additional-gids", "7,8"])?;
    assert_eq!(field_of(&text, "Groups")?, "5 6 7 8");
    Ok(())
}

/// CVE-2022-29162: inheritable ones would come back by the file capabilities of a program.
#[test]
fn a_capability_is_added_but_not_to_the_inheritable_ones() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &capable(&root)?)?;
    let text = status(&container, &["--cap", "CAP_NET_RAW"])?;
    for (set, mask) in
        [("CapInh", 0), ("CapAmb", 0), ("CapPrm", 1 << 13 | 1 << 5), ("CapEff", 1 << 13 | 1 << 5)]
    {
        assert_eq!(field_of(&text, set)?, format!("{mask:016x}"), "{set}");
    }
    let text = status(&container, &[])?;
    assert_eq!(field_of(&text, "CapEff")?, format!("{:016x}", 1 << 5));
    let message = container.exec(&["--cap", "CAP_ZZ"], &["true"])?.refused_with(255)?;
    assert!(message.contains("--cap: CAP_ZZ: no such capability"), "{message}");
    Ok(())
}

#[test]
fn a_capability_that_cannot_be_granted_is_a_warning() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &capable(&root)?)?;
    let process = json!({
        "args": ["true"], "cwd": "/", "user": { "uid": 0, "gid": 0 },
        "capabilities": { "effective": ["CAP_NET_RAW"], "permitted": [] },
    });
    let file = root.file("process.json");
    fs::write(&file, process.to_string())?;
    let path = file.to_str().context("a name")?;
    let output = root.run(&["exec", "--process", path, &container.id])?;
    let line = "process.capabilities: cannot be granted: CAP_NET_RAW";
    assert!(output.stderr.contains(line), "{output:?}");
    output.ok()?;
    Ok(())
}

#[test]
fn privileges_can_be_given_up_for_ever() -> Result<()> {
    let root = Root::new()?;
    let bundle = capable(&root)?.with("/process/noNewPrivileges", false);
    let container = root.start_container("c", &bundle)?;
    assert_eq!(field_of(&status(&container, &[])?, "NoNewPrivs")?, "0");
    assert_eq!(field_of(&status(&container, &["--no-new-privs"])?, "NoNewPrivs")?, "1");
    Ok(())
}

#[test]
fn a_variable_replaces_that_of_config_json() -> Result<()> {
    let root = Root::new()?;
    let bundle = capable(&root)?.with("/process/env", json!(["PATH=/bin", "A=old", "B=1"]));
    let container = root.start_container("c", &bundle)?;
    let output = container.exec(&["-e", "A=new", "--env", "C=3"], &["env"])?.ok()?;
    let mut lines: Vec<_> = output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["A=new", "B=1", "C=3", "HOME=/", "PATH=/bin"]);
    let message = container.exec(&["-e", "A"], &["true"])?.refused_with(255)?;
    assert!(message.contains("not of the form NAME=value"), "{message}");
    Ok(())
}

#[test]
fn home_is_what_the_containers_own_users_say() -> Result<()> {
    let root = Root::new()?;
    let users = "x\n\nroot:x:0:0::/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh";
    let bundle = root.bundle(&["sh", "-c", "echo $HOME"])?.with_file("etc/passwd", users)?;
    assert_eq!(root.start_container("nobody", &bundle)?.output()?, "/\n");
    let bundle = bundle.with("/process/user", json!({ "uid": 1000, "gid": 1000 }));
    assert_eq!(root.start_container("u", &bundle)?.output()?, "/home/u\n");
    let bundle = bundle.with("/process/args", ["sleep", "1000"].as_slice());
    let container = root.start_container("c", &bundle)?;
    let home = ["sh", "-c", "echo $HOME"];
    assert_eq!(container.exec(&[], &home)?.ok()?, "/home/u\n");
    assert_eq!(container.exec(&["-u", "0"], &home)?.ok()?, "/root\n");
    assert_eq!(container.exec(&["-u", "7"], &home)?.ok()?, "/\n");
    assert_eq!(container.exec(&["-e", "HOME=/mine"], &home)?.ok()?, "/mine\n");
    Ok(())
}

#[test]
fn a_list_of_users_that_is_none_is_not_read() -> Result<()> {
    let root = Root::new()?;
    for (name, make) in
        [("link", "ln -s /proc/self/fd/0"), ("fifo", "mkfifo"), ("directory", "mkdir")]
    {
        let bundle = root.bundle(&["sh", "-c", "echo $HOME"])?;
        let users = bundle.rootfs().join("etc/passwd");
        fs::remove_file(&users)?;
        let script = format!("{make} {}", users.display());
        assert!(std::process::Command::new("sh").args(["-c", &script]).status()?.success());
        assert_eq!(root.start_container(name, &bundle)?.output()?, "/\n", "{name}");
    }
    Ok(())
}

#[test]
fn a_working_directory_is_one_of_the_container() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    assert_eq!(container.exec(&["--cwd", "/tmp"], &["pwd"])?.ok()?, "/tmp\n");
    for cwd in ["/nosuch", "/bin/busybox", "relative"] {
        let message = container.exec(&["--cwd", cwd], &["pwd"])?.refused_with(255)?;
        assert!(message.contains("process.cwd"), "{message}");
    }
    Ok(())
}

/// CVE-2024-21626.
#[test]
fn no_working_directory_leads_to_the_host() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let shell = "exec 7</etc 77</etc; exec \"$@\"";
    for number in 3..16 {
        let cwd = format!("/proc/self/fd/{number}");
        let args = ["exec", "--cwd", &cwd, &container.id, "pwd"];
        let message = root.start_by_shell(shell, &args)?.finish()?.refused_with(255)?;
        assert!(message.contains("process.cwd"), "{number}: {message}");
    }
    // Not even where the caller says that the program is to have it.
    let shell = "exec 3</etc; exec \"$@\"";
    let args = ["exec", "--preserve-fds", "1", "--cwd", "/proc/self/fd/3", &container.id, "pwd"];
    let message = root.start_by_shell(shell, &args)?.finish()?.refused_with(255)?;
    assert!(message.contains("process.cwd"), "{message}");
    Ok(())
}

#[test]
fn descriptors_of_the_caller_are_not_the_programs() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let shell = "exec 3</etc 7</etc 77</etc; exec \"$@\"";
    let args = ["exec", &container.id, "sh", "-c", "ls /proc/$$/fd; true"];
    let output = root.start_by_shell(shell, &args)?.finish()?.ok()?;
    assert_eq!(output, "0\n1\n2\n");
    Ok(())
}

#[test]
fn descriptors_are_kept_if_the_caller_says_so() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let file = root.file("kept");
    fs::write(&file, "kept\n")?;
    let shell = format!("exec 3<{0} 4<{0} 5<{0}; exec \"$@\"", file.display());
    let args =
        ["exec", "--preserve-fds", "2", &container.id, "sh", "-c", "ls /proc/$$/fd; cat <&4"];
    let output = root.start_by_shell(&shell, &args)?.finish()?.ok()?;
    assert_eq!(output, "0\n1\n2\n3\n4\nkept\n");
    let shell = format!("exec 3<{0} 5<{0}; exec \"$@\"", file.display());
    let args = ["exec", "--preserve-fds", "3", &container.id, "true"];
    let message = root.start_by_shell(&shell, &args)?.finish()?.refused_with(255)?;
    assert!(message.contains("--preserve-fds: 3: descriptor 4 is not open"), "{message}");
    Ok(())
}

#[test]
fn a_file_says_all_of_the_process() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &capable(&root)?)?;
    let process = json!({
        "user": { "uid": 7, "gid": 8, "umask": 0o077 }, "cwd": "/tmp", "env": ["PATH=/bin", "A=1"],
        "args": ["sh", "-c", "id -u; id -g; umask; pwd; echo $A; ulimit -n"],
        "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": 100, "hard": 100 }],
    });
    let path = root.file("process.json");
    fs::write(&path, process.to_string())?;
    let path = path.to_str().context("path")?;
    let output = container.exec(&["--process", path], &[])?.ok()?;
    assert_eq!(output, "7\n8\n0077\n/tmp\n1\n100\n");
    let message = container.exec(&["--process", path, "--cwd", "/"], &[])?.refused()?;
    assert!(message.contains("cannot be used with"), "{message}");
    Ok(())
}

#[test]
fn what_a_file_leaves_out_is_as_in_config_json() -> Result<()> {
    let root = Root::new()?;
    let bundle = capable(&root)?
        .with("/process/rlimits", json!([{ "type": "RLIMIT_NOFILE", "soft": 99, "hard": 99 }]));
    let container = root.start_container("c", &bundle.with("/process/oomScoreAdj", 77))?;
    let process = json!({
        "user": { "uid": 0, "gid": 0 }, "cwd": "/", "env": ["PATH=/bin"],
        "args": ["sh", "-c", "ulimit -n; cd /proc/self; cat oom_score_adj; grep CapEff status"],
    });
    let path = root.file("process.json");
    fs::write(&path, process.to_string())?;
    let output = container.exec(&["-p", path.to_str().context("path")?], &[])?.ok()?;
    assert_eq!(output, format!("99\n77\nCapEff:\t{:016x}\n", 1 << 5));
    Ok(())
}

#[test]
fn a_file_that_is_no_process_is_refused() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    let file = root.file("process.json");
    let path = file.to_str().context("path")?.to_owned();
    let user = json!({ "uid": 0, "gid": 0 });
    for (process, words) in [
        (json!({}), "user: missing"),
        (json!([]), "expected an object"),
        (json!({ "user": user, "cwd": "/", "args": [] }), "process.args"),
        (json!({ "user": user, "cwd": "x", "args": ["a"] }), "process.cwd"),
        (
            json!({ "user": { "uid": u32::MAX, "gid": 0 }, "cwd": "/", "args": ["a"] }),
            "process.user.uid",
        ),
        (
            json!({ "user": user, "cwd": "/", "args": ["a"], "apparmorProfile": "p" }),
            "process.apparmorProfile",
        ),
    ] {
        fs::write(&file, process.to_string())?;
        let message = container.exec(&["--process", &path], &[])?.refused_with(255)?;
        assert!(message.contains(words), "{words}: {message}");
    }
    let message = container.exec(&["--process", "/no/such"], &[])?.refused_with(255)?;
    assert!(message.contains("/no/such"), "{message}");
    Ok(())
}

#[test]
fn a_cgroup_is_one_below_that_of_the_container() -> Result<()> {
    let root = Root::new()?;
    let container = root.start_container("c", &root.bundle(&["sleep", "1000"])?)?;
    container.cgroup()?.make_below("below")?;
    for path in ["below", "/below"] {
        let output =
            container.exec(&["--cgroup", path], &["grep", "^0::", "/proc/self/cgroup"])?.ok()?;
        assert_eq!(output, "0::/below\n", "{path}");
    }
    for path in ["../x", "..", "below/../..", "/../x", "nosuch"] {
        let message = container.exec(&["--cgroup", path], &["true"])?.refused_with(255)?;
        assert!(message.contains("--cgroup"), "{path}: {message}");
    }
    Ok(())
}

/// systemd in a container makes groups of its own below the container's, which then can have no
/// process (runc's #2356): where its first process is there is room for others.
#[test]
fn a_cgroup_that_can_have_no_process_is_replaced_by_that_of_init() -> Result<()> {
    let root = Root::new()?;
    let limits = json!([{ "pageSize": "2MB", "limit": 1 << 21 }]);
    let bundle = root.bundle(&["sleep", "1000"])?;
    let bundle = bundle.with("/linux/resources/hugepageLimits", limits);
    let created = root.try_create("c", &bundle, &[])?;
    if !created.status.success() {
        return skipped("a_cgroup_that_can_have_no_process", created.stderr.trim_end());
    }
    let id = root.id("c");
    let state: serde_json::Value = serde_json::from_str(&root.run(&["state", &id])?.ok()?)?;
    let pid = state["pid"].as_i64().context("pid")?;
    root.adopt(i32::try_from(pid)?)?;
    let cgroup = Cgroup::at(&format!("/peapod/{id}"))?;
    cgroup.make_below("init.scope")?.write("cgroup.procs", &pid.to_string())?;
    cgroup.write("cgroup.subtree_control", "+hugetlb")?;
    let output = root.run(&["exec", &id, "grep", "^0::", "/proc/self/cgroup"])?.ok()?;
    assert_eq!(output, "0::/init.scope\n");
    Ok(())
}
