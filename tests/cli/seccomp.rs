//! Seccomp filters on the real kernel. What they say is for tests/seccomp; here is that they are
//! loaded, when, and for whom.

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use serde_json::{Value, json};
use std::fs;
use tests::{Agent, Bundle, Root, Running, default_profile, field_of};

/// A program that makes these calls, in a container with that profile.
fn probe(root: &Root, calls: &[String], profile: Value) -> Result<Bundle> {
    let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
    let bundle = root.bundle(&[&["seccomp-probe"], &calls[..]].concat())?;
    Ok(bundle.with_program("seccomp-probe")?.with("/linux/seccomp", profile))
}

/// Everything is allowed but what these rules say.
fn allow_but(rules: &Value) -> Value {
    json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules })
}

fn personality(value: u64) -> String {
    format!("{}:{value}", libc::SYS_personality)
}

/// An address that is none, so that the call itself fails with `EFAULT`.
fn mkdirat() -> String {
    format!("{}:0:1", libc::SYS_mkdirat)
}

#[test]
fn each_action_is_taken() -> Result<()> {
    let root = Root::new()?;
    let efault = format!("errno {}\n", libc::EFAULT);
    for (number, (action, said)) in [
        ("SCMP_ACT_ERRNO", "errno 1\n"),
        ("SCMP_ACT_TRAP", "SIGSYS\n"),
        // Without a tracer: no such call.
        ("SCMP_ACT_TRACE", "errno 38\n"),
        ("SCMP_ACT_LOG", &efault),
        ("SCMP_ACT_ALLOW", &efault),
    ]
    .into_iter()
    .enumerate()
    {
        let profile = allow_but(&json!([{ "names": ["mkdirat"], "action": action }]));
        let bundle = probe(&root, &[mkdirat()], profile)?;
        assert_eq!(
            root.start_container(&format!("c{number}"), &bundle)?.output()?,
            said,
            "{action}"
        );
    }
    Ok(())
}

#[test]
fn what_is_to_be_killed_is_killed() -> Result<()> {
    let root = Root::new()?;
    for action in ["SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS"] {
        let profile = allow_but(&json!([{ "names": ["mkdirat"], "action": action }]));
        let container = root.start_container(action, &probe(&root, &[mkdirat()], profile)?)?;
        let status = container.wait()?;
        let is_killed = matches!(status, WaitStatus::Signaled(_, Signal::SIGSYS, _));
        assert!(is_killed, "{action}: {status:?}");
    }
    Ok(())
}

#[test]
fn profiles_that_differ_only_in_an_error_number_are_two_filters() -> Result<()> {
    // crun takes the one for the other (its cache's key omits errnoRet).
    let root = Root::new()?;
    for errno in [1, 38, 13, 0] {
        let rule = json!([{ "names": ["mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno }]);
        let bundle = probe(&root, &[mkdirat()], allow_but(&rule))?;
        let said = if errno == 0 { "ok 0\n".to_owned() } else { format!("errno {errno}\n") };
        assert_eq!(root.start_container(&format!("c{errno}"), &bundle)?.output()?, said);
    }
    Ok(())
}

#[test]
fn all_64_bits_of_an_argument_count() -> Result<()> {
    let root = Root::new()?;
    let rule = json!([{ "names": ["lseek"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95, "args": [
        { "index": 1, "value": 1_u64 << 32, "op": "SCMP_CMP_GE" },
        { "index": 2, "value": 5, "op": "SCMP_CMP_EQ" },
    ] }]);
    // Descriptor 99 is not open: EBADF is the kernel's answer.
    let lseek = |offset: u64, whence: u64| format!("{}:99:{offset}:{whence}", libc::SYS_lseek);
    let calls = [lseek(1 << 32, 5), lseek((1 << 32) - 1, 5), lseek(1 << 33, 6), lseek(u64::MAX, 5)];
    let output = root.start_container("c", &probe(&root, &calls, allow_but(&rule))?)?.output()?;
    assert_eq!(output, "errno 95\nerrno 9\nerrno 9\nerrno 95\n");
    Ok(())
}

#[test]
fn the_default_profile_runs_a_container() -> Result<()> {
    let root = Root::new()?;
    let archs = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];
    let mut profile = default_profile("amd64", &archs, &[])?;
    // ENOSYS is also what newer calls get, whatever the default is.
    profile["defaultErrnoRet"] = 77.into();
    let calls = [personality(0xffff_ffff), personality(1), "400".to_owned(), "5000".to_owned()];
    let bundle = probe(&root, &calls, profile.clone())?;
    let output = root.start_container("c", &bundle)?.output()?;
    // No call of that architecture is 400, a gap; nor is 5000, beyond what the profile knows.
    assert_eq!(output, "ok 0\nerrno 77\nerrno 77\nerrno 38\n");

    let script = root.shell("echo a | sed s/a/b/; ls / >/dev/null && (sleep 0; echo c)")?;
    let script = script.with("/linux/seccomp", profile);
    assert_eq!(root.start_container("d", &script)?.output()?, "b\nc\n");
    Ok(())
}

#[test]
fn it_is_loaded_with_and_without_new_privileges_whoever_the_user_is() -> Result<()> {
    let root = Root::new()?;
    let profile = default_profile("amd64", &[], &[])?;
    for (name, forbidden, no_new_privs) in
        [("absent", None, "0"), ("false", Some(false), "0"), ("true", Some(true), "1")]
    {
        for uid in [1000, 0] {
            let bundle = root.bundle(&["cat", "/proc/self/status"])?;
            let user = json!({ "uid": uid, "gid": uid });
            let mut bundle =
                bundle.with("/linux/seccomp", profile.clone()).with("/process/user", user);
            bundle = match forbidden {
                None => bundle.without("/process/noNewPrivileges"),
                Some(value) => bundle.with("/process/noNewPrivileges", value),
            };
            let container = root.start_container(&format!("{name}-{uid}"), &bundle)?;
            let status = container.output()?;
            assert_eq!(field_of(&status, "Seccomp")?, "2", "{name} {uid}");
            assert_eq!(field_of(&status, "Seccomp_filters")?, "1", "{name} {uid}");
            assert_eq!(field_of(&status, "NoNewPrivs")?, no_new_privs, "{name} {uid}");
            assert_eq!(field_of(&status, "CapEff")?, "0000000000000000", "{name} {uid}");
        }
    }
    Ok(())
}

#[test]
fn a_filter_need_not_allow_what_only_init_does() -> Result<()> {
    let root = Root::new()?;
    // Neither the gate's accept nor the limits' prlimit, but what a static program needs to begin.
    let names = [
        "execve",
        "brk",
        "arch_prctl",
        "set_tid_address",
        "set_robust_list",
        "rseq",
        "mprotect",
        "prlimit64",
        "readlink",
        "readlinkat",
        "getrandom",
        "mmap",
        "munmap",
        "rt_sigaction",
        "rt_sigprocmask",
        "sigaltstack",
        "poll",
        "sched_getaffinity",
        "gettid",
        "write",
        "read",
        "exit_group",
        "mremap",
        "madvise",
        "fstat",
        "newfstatat",
        "openat",
        "close",
        "lseek",
    ];
    let profile = json!({ "defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [
        { "names": names, "action": "SCMP_ACT_ALLOW" },
    ] });
    let bundle = probe(&root, &[format!("{}", libc::SYS_brk)], profile)?;
    assert!(root.start_container("c", &bundle)?.output()?.starts_with("ok "));
    Ok(())
}

#[test]
fn all_flags_are_taken() -> Result<()> {
    let root = Root::new()?;
    let mut profile = allow_but(&json!([{ "names": ["mkdirat"], "action": "SCMP_ACT_ERRNO" }]));
    profile["flags"] = json!([
        "SECCOMP_FILTER_FLAG_TSYNC",
        "SECCOMP_FILTER_FLAG_LOG",
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    ]);
    let bundle = probe(&root, &[mkdirat()], profile)?;
    assert_eq!(root.start_container("c", &bundle)?.output()?, "errno 1\n");
    Ok(())
}

#[test]
fn the_members_of_a_pod_have_filters_of_their_own() -> Result<()> {
    let root = Root::new()?;
    for mode in ["shared", "nested"] {
        let pod = root.sandbox(mode, &["--pid", mode])?;
        let rule = json!([{ "names": ["mkdirat"], "action": "SCMP_ACT_ERRNO" }]);
        let filtered = probe(&root, &[mkdirat()], allow_but(&rule))?;
        assert_eq!(pod.output_of(&format!("a{mode}"), &filtered)?, "errno 1\n");
        let free = filtered.without("/linux/seccomp");
        let efault = format!("errno {}\n", libc::EFAULT);
        assert_eq!(pod.output_of(&format!("b{mode}"), &free)?, efault);
    }
    Ok(())
}

/// A profile that leaves mkdirat to the agent.
fn notifying(path: &std::path::Path) -> Result<Value> {
    let mut profile = allow_but(&json!([{ "names": ["mkdirat"], "action": "SCMP_ACT_NOTIFY" }]));
    profile["listenerPath"] = path.to_str().context("path")?.into();
    profile["listenerMetadata"] = "for the agent".into();
    profile["flags"] = json!(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]);
    Ok(profile)
}

#[test]
fn an_agent_answers_what_is_left_to_it() -> Result<()> {
    let root = Root::new()?;
    let path = root.file("agent.sock");
    let agent = Agent::listen(&path)?;
    for (name, no_new_privs) in [("a", true), ("b", false)] {
        let bundle = probe(&root, &[mkdirat(), mkdirat()], notifying(&path)?)?
            .with("/process/noNewPrivileges", no_new_privs)
            .with("/annotations/color", "green");
        let container = root.create(name, &bundle)?;
        let notified = agent.next()?;
        let state = &notified.state;
        assert_eq!(state["fds"], json!(["seccompFd"]));
        assert_eq!(state["metadata"], "for the agent");
        assert_eq!(state["pid"], container.pid());
        assert_eq!(state["state"]["id"], container.id);
        assert_eq!(state["state"]["status"], "creating");
        assert_eq!(state["state"]["pid"], container.pid());
        assert_eq!(state["state"]["annotations"]["color"], "green");
        assert_eq!(state["state"]["bundle"], bundle.path().to_str().context("path")?);
        assert_eq!(state["ociVersion"], state["state"]["ociVersion"]);

        container.start()?;
        let call = notified.next()?;
        assert_eq!((call.number, call.pid.cast_signed()), (libc::SYS_mkdirat, container.pid()));
        notified.answer(&call, Ok(42))?;
        notified.answer(&notified.next()?, Err(Errno::EDQUOT))?;
        assert_eq!(container.output()?, format!("ok 42\nerrno {}\n", libc::EDQUOT));
    }
    Ok(())
}

#[test]
fn an_agent_is_told_of_the_members_of_a_pod() -> Result<()> {
    let root = Root::new()?;
    let path = root.file("agent.sock");
    let agent = Agent::listen(&path)?;
    for mode in ["shared", "nested"] {
        let pod = root.sandbox(mode, &["--pid", mode])?;
        let container =
            pod.create(&format!("m{mode}"), &probe(&root, &[mkdirat()], notifying(&path)?)?)?;
        let notified = agent.next()?;
        assert_eq!(notified.state["pid"], container.pid());
        container.start()?;
        notified.answer(&notified.next()?, Ok(7))?;
        assert_eq!(container.output()?, "ok 7\n");
    }
    Ok(())
}

#[test]
fn an_agent_may_be_asked_before_the_program_runs() -> Result<()> {
    let root = Root::new()?;
    let path = root.file("agent.sock");
    let agent = Agent::listen(&path)?;
    let mut profile = notifying(&path)?;
    // Init changes its user after the filter is loaded, which takes privileges here.
    profile["syscalls"][0]["names"] = json!(["setresuid"]);
    let bundle = probe(&root, &[], profile)?.with("/process/noNewPrivileges", false);
    let running: Running = root.start_create("c", &bundle, &[])?;
    let notified = agent.next()?;
    let call = notified.next()?;
    assert_eq!(call.number, libc::SYS_setresuid);
    notified.answer(&call, Err(Errno::EXFULL))?;
    let message = running.finish()?.refused()?;
    assert!(message.contains("process.user") && message.contains("EXFULL"), "{message}");
    root.has_nothing_left()
}

#[test]
fn an_added_process_has_the_filter_of_the_container() -> Result<()> {
    let root = Root::new()?;
    let rule = |errno: u32| {
        let returns = json!({ "names": ["mkdirat"], "action": "SCMP_ACT_ERRNO" });
        let mut rules = json!([returns]);
        rules[0]["errnoRet"] = errno.into();
        rules
    };
    let bundle = probe(&root, &[], allow_but(&rule(95)))?.with("/process/args", ["sleep", "1000"]);
    let container = root.start_container("c", &bundle)?;
    // Not that of a config.json that has been changed since.
    let bundle = bundle.with("/linux/seccomp", allow_but(&rule(96)));
    bundle.write()?;
    let output = container.run(&["exec"], &["seccomp-probe", &mkdirat()])?.ok()?;
    assert_eq!(output, "errno 95\n");

    let file = root.state().join(&container.id).join("seccomp");
    let bytes = fs::read(&file)?;
    fs::write(&file, &bytes[..bytes.len() - 1])?;
    let output = container.run(&["exec"], &["true"])?;
    assert_eq!(output.status.code(), Some(255), "{output:?}");
    assert!(output.stderr.contains("seccomp filter"), "{output:?}");
    assert!(output.stderr.contains("corrupt"), "{output:?}");
    Ok(())
}

#[test]
fn an_agent_is_told_of_an_added_process() -> Result<()> {
    let root = Root::new()?;
    let path = root.file("agent.sock");
    let agent = Agent::listen(&path)?;
    let bundle = probe(&root, &[], notifying(&path)?)?.with("/process/args", ["sleep", "1000"]);
    let container = root.start_container("c", &bundle)?;
    drop(agent.next()?);
    let running = container.begin(&["exec"], &["seccomp-probe", &mkdirat()])?;
    let notified = agent.next()?;
    assert_eq!(notified.state["state"]["status"], "running");
    assert_eq!(notified.state["state"]["pid"], container.pid());
    let call = notified.next()?;
    assert_eq!(notified.state["pid"], call.pid);
    assert_ne!(call.pid.cast_signed(), container.pid());
    notified.answer(&call, Ok(3))?;
    assert_eq!(running.finish()?.ok()?, "ok 3\n");
    Ok(())
}
