//! When and where a process runs: scheduler, priority for input and output, processors, memory,
//! personality. Each is read back from the kernel.
#![allow(unsafe_code, reason = "nix has no ioprio_get")]

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::utsname::uname;
use serde_json::json;
use std::fs;
use std::os::unix::fs::chown;
use tests::{Root, field_of, skipped};

/// `proc_pid_stat(5)`, with the numbers that it gives the fields.
fn stat(text: &str, number: usize) -> Result<i64> {
    let (_, after) = text.rsplit_once(") ").context("no name")?;
    Ok(after.split(' ').nth(number - 3).context("too few fields")?.parse()?)
}

const NICE: usize = 19;
const REALTIME_PRIORITY: usize = 40;
const POLICY: usize = 41;

#[test]
fn its_scheduler_is_that_of_config_json() -> Result<()> {
    let root = Root::new()?;
    let batch = json!({ "policy": "SCHED_BATCH", "nice": 7 });
    let first_in = json!({ "policy": "SCHED_FIFO", "priority": 11,
        "flags": ["SCHED_FLAG_RESET_ON_FORK"] });
    for (number, (scheduler, [policy, nice, priority])) in
        [(batch, [3, 7, 0]), (first_in, [1, 0, 11])].into_iter().enumerate()
    {
        let bundle = root.bundle(&["cat", "/proc/self/stat"])?;
        let bundle = bundle.with("/process/scheduler", scheduler);
        let seen = root.start_container(&format!("c{number}"), &bundle)?.output()?;
        assert_eq!(stat(&seen, POLICY)?, policy, "{seen}");
        assert_eq!(stat(&seen, NICE)?, nice, "{seen}");
        assert_eq!(stat(&seen, REALTIME_PRIORITY)?, priority, "{seen}");
    }
    Ok(())
}

#[test]
fn the_deadline_scheduler_is_given_its_times() -> Result<()> {
    let root = Root::new()?;
    let scheduler = json!({ "policy": "SCHED_DEADLINE", "runtime": 1_000_000,
        "deadline": 10_000_000, "period": 10_000_000 });
    let bundle = root.bundle(&["cat", "/proc/self/stat"])?.with("/process/scheduler", scheduler);
    let seen = root.start_container("c", &bundle)?.output()?;
    assert_eq!(stat(&seen, POLICY)?, 6, "{seen}");
    Ok(())
}

#[test]
fn a_user_namespace_does_not_take_the_scheduler_away() -> Result<()> {
    let root = Root::new()?;
    let maps = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
    let bundle = root
        .bundle(&["cat", "/proc/self/stat"])?
        .with_namespace("user", None)
        .with("/linux/uidMappings", maps.clone())
        .with("/linux/gidMappings", maps)
        .with("/process/scheduler", json!({ "policy": "SCHED_RR", "priority": 3 }));
    chown(bundle.rootfs(), Some(100_000), Some(100_000))?;
    let seen = root.start_container("c", &bundle)?.output()?;
    assert_eq!((stat(&seen, POLICY)?, stat(&seen, REALTIME_PRIORITY)?), (2, 3), "{seen}");
    Ok(())
}

#[test]
fn its_priority_for_input_and_output_is_that_of_config_json() -> Result<()> {
    let root = Root::new()?;
    let classes = [
        ("IOPRIO_CLASS_RT", 2, 1 << 13 | 2),
        ("IOPRIO_CLASS_BE", 7, 2 << 13 | 7),
        ("IOPRIO_CLASS_IDLE", 0, 3 << 13),
    ];
    for (number, (class, priority, expected)) in classes.into_iter().enumerate() {
        let asked = json!({ "class": class, "priority": priority });
        let bundle = root.bundle(&["sleep", "1000"])?.with("/process/ioPriority", asked);
        let container = root.start_container(&format!("c{number}"), &bundle)?;
        assert_eq!(io_priority_of(container.pid())?, expected, "{class}");
    }
    Ok(())
}

fn io_priority_of(pid: i32) -> Result<i64> {
    const IOPRIO_WHO_PROCESS: libc::c_int = 1;
    // SAFETY: it takes two integers, and touches no memory of ours.
    let found = unsafe { libc::syscall(libc::SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid) };
    Ok(Errno::result(found)?)
}

#[test]
fn an_added_process_has_a_scheduler_and_a_priority_too() -> Result<()> {
    let root = Root::new()?;
    let bundle = root
        .bundle(&["sleep", "1000"])?
        .with("/process/scheduler", json!({ "policy": "SCHED_BATCH", "nice": 3 }));
    let container = root.start_container("c", &bundle)?;
    let seen = container.exec(&[], &["cat", "/proc/self/stat"])?.ok()?;
    assert_eq!((stat(&seen, POLICY)?, stat(&seen, NICE)?), (3, 3), "{seen}");
    Ok(())
}

#[test]
fn the_processors_of_the_caller_are_not_those_of_a_container() -> Result<()> {
    let root = Root::new()?;
    let all = fs::read_to_string("/sys/devices/system/cpu/online")?;
    if all.trim() == "0" {
        let test = "the_processors_of_the_caller_are_not_those_of_a_container";
        return skipped(test, "there is one processor");
    }
    let bundle = root.bundle(&["grep", "Cpus_allowed_list", "/proc/self/status"])?;
    bundle.write()?;
    let path = bundle.path().to_str().context("a path")?;
    let run = ["run", "--bundle", path, &root.id("c")];
    let seen = root.start_by_shell("exec taskset -c 1 \"$@\"", &run)?.finish()?.ok()?;
    assert_eq!(field_of(&seen, "Cpus_allowed_list")?, all.trim());
    Ok(())
}

#[test]
fn an_added_process_runs_where_its_affinity_says() -> Result<()> {
    let root = Root::new()?;
    let all = fs::read_to_string("/sys/devices/system/cpu/online")?;
    let all = all.trim();
    for (number, (affinity, expected)) in [
        (json!({ "initial": "0", "final": "0" }), "0"),
        (json!({ "final": "0" }), "0"),
        // What config.json leaves open is what the cgroup has.
        (json!({ "initial": "0" }), all),
    ]
    .into_iter()
    .enumerate()
    {
        let bundle = root.bundle(&["sleep", "1000"])?.with("/process/execCPUAffinity", affinity);
        let container = root.start_container(&format!("c{number}"), &bundle)?;
        let show = ["grep", "Cpus_allowed_list", "/proc/self/status"];
        let seen = container.exec(&[], &show)?.ok()?;
        assert_eq!(field_of(&seen, "Cpus_allowed_list")?, expected, "{number}");
        let own = fs::read_to_string(format!("/proc/{}/status", container.pid()))?;
        assert_eq!(field_of(&own, "Cpus_allowed_list")?, all, "not of the first process");
    }
    Ok(())
}

#[test]
fn a_processor_that_is_not_there_is_named() -> Result<()> {
    let root = Root::new()?;
    let affinity = json!({ "initial": "8000" });
    let bundle = root.bundle(&["sleep", "1000"])?.with("/process/execCPUAffinity", affinity);
    let container = root.start_container("c", &bundle)?;
    let message = container.exec(&[], &["true"])?.stderr;
    assert!(message.contains("process.execCPUAffinity.initial: sched_setaffinity"), "{message}");
    Ok(())
}

#[test]
fn its_personality_and_that_of_added_processes_is_that_of_config_json() -> Result<()> {
    let root = Root::new()?;
    let bundle = root
        .shell("uname -m; exec sleep 1000")?
        .with("/linux/personality", json!({ "domain": "LINUX32" }));
    let container = root.start_container("c", &bundle)?;
    let machine = uname()?.machine().to_string_lossy().into_owned();
    let expected = if machine == "x86_64" { "i686\n" } else { "armv8l\n" };
    container.says(expected)?;
    assert_eq!(container.exec(&[], &["uname", "-m"])?.ok()?, expected);
    Ok(())
}

#[test]
fn its_memory_is_where_its_policy_says_and_that_of_added_processes() -> Result<()> {
    let root = Root::new()?;
    if !fs::exists("/proc/self/numa_maps")? {
        let test = "its_memory_is_where_its_policy_says_and_that_of_added_processes";
        return skipped(test, "this kernel has no NUMA");
    }
    for (number, (policy, shown)) in [
        (
            json!({ "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"] }),
            "bind=static:0",
        ),
        (json!({ "mode": "MPOL_INTERLEAVE", "nodes": "0-0" }), "interleave:0"),
        (json!({ "mode": "MPOL_LOCAL" }), "local"),
        (json!({ "mode": "MPOL_PREFERRED", "nodes": "0" }), "prefer:0"),
    ]
    .into_iter()
    .enumerate()
    {
        let bundle = root.bundle(&["sleep", "1000"])?.with("/linux/memoryPolicy", policy);
        let container = root.start_container(&format!("c{number}"), &bundle)?;
        let maps = fs::read_to_string(format!("/proc/{}/numa_maps", container.pid()))?;
        let first = maps.lines().next().context("no memory")?;
        ensure!(first.split(' ').nth(1) == Some(shown), "{first}");
        let seen = container.exec(&[], &["head", "-n", "1", "/proc/self/numa_maps"])?.ok()?;
        ensure!(seen.split(' ').nth(1) == Some(shown), "added: {seen}");
    }
    Ok(())
}

#[test]
fn a_memory_policy_that_the_kernel_refuses_is_named() -> Result<()> {
    let root = Root::new()?;
    let policy = json!({ "mode": "MPOL_BIND", "nodes": "8000" });
    let bundle = root.bundle(&["true"])?.with("/linux/memoryPolicy", policy);
    let message = root.try_create("c", &bundle, &[])?.refused()?;
    assert!(message.starts_with("linux.memoryPolicy: set_mempolicy"), "{message}");
    root.has_nothing_left()
}
