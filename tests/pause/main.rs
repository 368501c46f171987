//! Pause, the real program, as the PID 1 of real PID namespaces. Needs root.

mod pod;

use std::{
    env,
    fs::{self, File},
    io::{IoSlice, pipe},
    os::fd::AsRawFd,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use libc::{SIGCONT, SIGINT, SIGKILL, SIGSTOP, SIGTERM};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use pod::{DEADLINE, LINK, Namespace, Pod, children, command, program, readable};

const NEIGHBOUR: &str = env!("CARGO_BIN_EXE_neighbour");

#[test]
fn a_thousand_orphans_leave_no_zombie() -> Result<()> {
    let mut pod = Pod::start()?;
    let resident = pod.resident()?;
    // Each is started by a subshell that ends at once, and waits for the pipe to end.
    let script = "exec 3<&0; i=0; while [ $i -lt 1000 ]; do (read x <&3 &); i=$((i + 1)); done";
    let (reader, writer) = pipe()?;
    let mut shell = pod.spawn(Command::new("sh").args(["-c", script]).stdin(reader))?;
    ensure!(shell.wait()?.success());
    assert_eq!(children(pod.pid)?.len(), 1000);

    // Now all die at once, of which one SIGCHLD may be all that is told.
    drop(writer);
    let start = Instant::now();
    assert_eq!(pod.settle()?, None);
    println!("reaped after {:?}", start.elapsed());
    assert_eq!(pod.resident()?, resident);
    Ok(())
}

#[test]
fn a_child_that_died_before_the_exec_is_reaped() -> Result<()> {
    let mut pod = Pod::start_by(&[NEIGHBOUR, "precede"])?;
    assert_eq!(pod.settle()?, None);
    Ok(())
}

#[test]
fn sigterm_and_sigint_from_outside_end_it_with_status_0() -> Result<()> {
    for (signal, other) in [(SIGTERM, SIGINT), (SIGINT, SIGTERM)] {
        let pod = Pod::start()?;
        // However much there is to do: a child that lives, and a signal that is not obeyed.
        orphan(&pod, "sleep 60")?;
        pod.inside(&[NEIGHBOUR, "kill", &other.to_string()])?;
        let start = Instant::now();
        pod.signal(signal)?;
        assert_eq!(pod.end()?.code(), Some(0), "signal {signal}");
        let took = start.elapsed();
        println!("it ended {took:?} after signal {signal}");
        assert!(took < Duration::from_millis(500), "{took:?}");
    }
    Ok(())
}

#[test]
fn no_other_signal_from_outside_ends_it() -> Result<()> {
    let mut pod = Pod::start()?;
    for signal in (1..=64).filter(|signal| ![SIGTERM, SIGINT, SIGKILL, SIGSTOP].contains(signal)) {
        pod.signal(signal)?;
        assert_eq!(pod.settle()?, None, "signal {signal}");
    }
    Ok(())
}

#[test]
fn it_goes_on_after_it_was_stopped_and_continued() -> Result<()> {
    let mut pod = Pod::start()?;
    pod.signal(SIGSTOP)?;
    pod.signal(SIGCONT)?;
    orphan(&pod, "true")?;
    assert_eq!(pod.settle()?, None);
    Ok(())
}

#[test]
fn no_signal_from_inside_ends_it() -> Result<()> {
    let mut pod = Pod::start()?;
    for signal in 1..=64 {
        for way in ["kill", "tgkill"] {
            let sent = pod.inside(&[NEIGHBOUR, way, &signal.to_string()])?;
            assert!(sent.status.success(), "{way} {signal}: {sent:?}");
            assert_eq!(pod.settle()?, None, "{way} {signal}");
        }
    }
    Ok(())
}

#[test]
fn a_sender_who_claims_to_be_process_0_does_not_end_it() -> Result<()> {
    let mut pod = Pod::start()?;
    for signal in [SIGTERM, SIGINT].map(|signal| signal.to_string()) {
        for way in ["sigqueue", "sigqueue-thread", "sigqueue-pidfd"] {
            // From SI_QUEUE to SI_SIGIO, SI_DETHREAD, SI_ASYNCNL, and one without a name.
            for code in ["-1", "-2", "-3", "-4", "-5", "-7", "-60", "-2147483648"] {
                let sent = pod.inside(&[NEIGHBOUR, way, &signal, code])?;
                assert!(sent.status.success(), "{way} {signal} {code}: {sent:?}");
                assert_eq!(pod.settle()?, None, "{way} {signal} {code}");
            }
            // SI_USER, SI_KERNEL, CLD_EXITED, SI_TKILL: the kernel keeps these to itself.
            for code in ["0", "128", "1", "-6"] {
                let sent = pod.inside(&[NEIGHBOUR, way, &signal, code])?;
                assert!(String::from_utf8_lossy(&sent.stderr).contains("EPERM"), "{sent:?}");
                assert_eq!(pod.settle()?, None, "{way} {signal} {code}");
            }
        }
        let sent = pod.inside(&[NEIGHBOUR, "sigio", &signal])?;
        assert!(sent.status.success(), "{sent:?}");
        assert_eq!(pod.settle()?, None, "sigio {signal}");
    }
    Ok(())
}

#[test]
fn signals_from_inside_cannot_fill_its_queue() -> Result<()> {
    // Beyond the limit, the last signal would arrive without its siginfo: as if by process 0.
    let mut pod = Pod::start_by(&["prlimit", "--sigpending=500:500"])?;
    for signal in 1..=64 {
        let sent = pod.inside(&[NEIGHBOUR, "flood", &signal.to_string(), "1000"])?;
        assert!(sent.status.success(), "{signal}: {sent:?}");
    }
    let sent = pod.inside(&[NEIGHBOUR, "sigqueue", &SIGTERM.to_string(), "-1"])?;
    assert!(sent.status.success(), "{sent:?}");
    assert_eq!(pod.settle()?, None);
    Ok(())
}

#[test]
fn nobody_inside_can_lower_its_limits_if_its_ids_differ() -> Result<()> {
    let ids = ["--ruid=65532", "--euid=65533", "--rgid=65532", "--egid=65533", "--clear-groups"];
    let mut pod = Pod::start_by(&[&["setpriv"], &ids[..]].concat())?;
    for id in ["0", "65532", "65533"] {
        let (user, group) = (format!("--reuid={id}"), format!("--regid={id}"));
        // Whoever has CAP_SYS_RESOURCE can lower every limit; no container has it by default.
        let member = ["setpriv", "--bounding-set=-sys_resource", "--clear-groups", &user, &group];
        let limit = pod.inside(&[&member[..], &[NEIGHBOUR, "lower-limit"]].concat())?;
        assert!(String::from_utf8_lossy(&limit.stderr).contains("EPERM"), "{id}: {limit:?}");
        let term = [NEIGHBOUR, "sigqueue", &SIGTERM.to_string(), "-1"];
        let sent = pod.inside(&[&member[..], &term].concat())?;
        assert!(sent.status.success(), "{id}: {sent:?}");
        assert_eq!(pod.settle()?, None, "{id}");
    }
    pod.signal(SIGTERM)?;
    assert_eq!(pod.end()?.code(), Some(0));
    Ok(())
}

#[test]
fn where_it_is_not_pid_1_anybody_may_end_it() -> Result<()> {
    for signal in [SIGTERM, SIGINT] {
        let mut process = Pod::run(Namespace::Ours, &[&program()?, LINK])?;
        process.ready()?;
        for other in (1..=64).filter(|other| ![SIGTERM, SIGINT, SIGKILL, SIGSTOP].contains(other)) {
            process.signal(other)?;
        }
        assert_eq!(process.settle()?, None);
        process.signal(signal)?;
        assert_eq!(process.end()?.code(), Some(0), "signal {signal}");
    }
    Ok(())
}

#[test]
fn without_an_argument_it_holds_and_says_nothing() -> Result<()> {
    let mut pod = Pod::run(Namespace::New, &[&program()?])?;
    assert_eq!(pod.settle()?, None);
    pod.signal(SIGTERM)?;
    assert_eq!(pod.end()?.code(), Some(0));
    Ok(())
}

#[test]
fn another_argument_is_refused() -> Result<()> {
    for argument in ["x", "3x", "-1", "-", "-version", "4294967296", "18446744073709551617"] {
        let refused = Pod::run(Namespace::New, &[&program()?, argument])?;
        assert_eq!(refused.end()?.code(), Some(2), "{argument}");
    }
    Ok(())
}

#[test]
fn a_descriptor_that_cannot_be_told_does_not_matter() -> Result<()> {
    let mut pod = Pod::run(Namespace::New, &[&program()?, "4294967295"])?;
    assert_eq!(pod.settle()?, None);
    Ok(())
}

#[test]
fn it_keeps_the_descriptors_that_are_sent_to_it() -> Result<()> {
    let pod = Pod::start()?;
    let (reader, writer) = pipe()?;
    let descriptors = [writer.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let name = [IoSlice::new(b"log")];
    sendmsg::<()>(pod.link.as_raw_fd(), &name, &rights, MsgFlags::empty(), None)?;
    drop(writer);
    orphan(&pod, "true")?;
    assert!(!readable(&reader, Duration::ZERO)?, "it is closed");

    pod.signal(SIGTERM)?;
    assert_eq!(pod.end()?.code(), Some(0));
    assert!(readable(&reader, DEADLINE)?, "it is still open");
    Ok(())
}

#[test]
fn it_is_named_pause_however_it_is_executed() -> Result<()> {
    // As from a memfd.
    let file = File::open(program()?)?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let pod = Pod::run(Namespace::New, &[&path, LINK])?;
    pod.ready()?;
    assert_eq!(pod.field("Name")?, "pause");
    Ok(())
}

#[test]
fn it_prints_its_version() -> Result<()> {
    let output = command([&program()?, "-v"]).output()?;
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout)?,
        concat!("pause ", env!("CARGO_PKG_VERSION"), "\n")
    );
    Ok(())
}

#[test]
fn its_file_is_at_most_1300_bytes_without_symbols() -> Result<()> {
    let file = fs::read(program()?)?;
    println!("{} bytes", file.len());
    assert!(file.len() <= 1300, "{} bytes", file.len());
    assert!(!file.windows(7).any(|name| name == b".symtab"));
    Ok(())
}

#[test]
fn it_has_two_pages_of_memory_wherever_its_stack_begins() -> Result<()> {
    for _ in 0..50 {
        let mut pod = Pod::start()?;
        assert_eq!(pod.settle()?, None);
        let resident = pod.resident()?;
        assert!((1..=8).contains(&resident), "{resident} kB");
    }
    Ok(())
}

#[test]
fn it_makes_no_other_system_calls_than_these() -> Result<()> {
    let log = env::temp_dir().join(format!("pause-calls-{}", std::process::id()));
    let path = log.to_str().context("the path of the log")?;
    let strace = ["env", "PATH=/usr/bin:/bin", "strace", "-f", "-o", path];
    // Should the test fail, the death of strace is to be the death of all.
    let unshare = ["setpriv", "--pdeathsig=KILL", "unshare", "--kill-child", "--pid", "--fork"];
    let mut pod =
        Pod::run(Namespace::Ours, &[&strace[..], &unshare, &[&program()?, LINK]].concat())?;
    pod.ready()?;
    for program in ["unshare", "pause"] {
        let child = children(pod.pid)?;
        pod.pid = *child.first().with_context(|| format!("no {program}"))?;
    }
    let pause = pod.pid.to_string();
    orphan(&pod, "true")?;
    pod.signal(SIGSTOP)?;
    pod.signal(SIGCONT)?;
    pod.signal(SIGTERM)?;
    assert_eq!(pod.end()?.code(), Some(0));

    let lines = fs::read_to_string(&log)?;
    fs::remove_file(&log)?;
    let mut calls: Vec<_> = lines
        .lines()
        .filter_map(|line| line.strip_prefix(&pause)?.trim_start().split_once('('))
        .map(|(call, _)| call)
        .skip_while(|call| *call != "execve")
        .filter(|call| call.chars().all(|letter| letter.is_alphanumeric() || letter == '_'))
        .collect();
    calls.sort_unstable();
    calls.dedup();
    let expected = [
        "execve",
        "exit_group",
        "getpid",
        "madvise",
        "prctl",
        "rt_sigprocmask",
        "rt_sigtimedwait",
        "wait4",
        "write",
    ];
    assert_eq!(calls, expected);
    Ok(())
}

/// Leaves a process of the pod to pause.
fn orphan(pod: &Pod, program: &str) -> Result<()> {
    let shell = pod.inside(&["sh", "-c", &format!("({program} >/dev/null 2>&1 &)")])?;
    ensure!(shell.status.success(), "{shell:?}");
    Ok(())
}
