//! config.md, "Linux Process": all but capabilities.

use crate::{output, refuses, shows};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use tests::{Bundle, Root, field_of};

#[test]
fn an_apparmor_profile_that_cannot_be_applied_is_an_error() -> Result<()> {
    refuses(|bundle| bundle.with("/process/apparmorProfile", "peapod-of-no-host"))
}

#[test]
fn a_selinux_label_that_cannot_be_applied_is_an_error() -> Result<()> {
    if Path::new("/sys/fs/selinux/enforce").exists() {
        let test = "config::linux_process::a_selinux_label_that_cannot_be_applied_is_an_error";
        return tests::skipped(test, "SELinux is on");
    }
    refuses(|bundle| bundle.with("/process/selinuxLabel", "system_u:system_r:container_t:s0"))
}

fn status(field: &str, change: impl FnOnce(Bundle) -> Bundle) -> Result<String> {
    field_of(&output("cat /proc/self/status", change)?, field)
}

#[test]
fn no_new_privileges_is_set() -> Result<()> {
    let seen = status("NoNewPrivs", |bundle| bundle.with("/process/noNewPrivileges", true))?;
    ensure!(seen == "1", "{seen}");
    Ok(())
}

#[test]
fn new_privileges_are_allowed_where_nothing_is_said() -> Result<()> {
    let seen = status("NoNewPrivs", |bundle| bundle.without("/process/noNewPrivileges"))?;
    ensure!(seen == "0", "{seen}");
    Ok(())
}

#[test]
fn oom_score_adj_is_what_is_asked_for() -> Result<()> {
    let adjusted = |bundle: Bundle| bundle.with("/process/oomScoreAdj", 321);
    shows("cat /proc/self/oom_score_adj", adjusted, "321")
}

#[test]
fn oom_score_adj_stays_what_it_was_where_nothing_is_said() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["cat", "/proc/self/oom_score_adj"])?;
    bundle.write()?;
    let path = bundle.path().to_str().context("a path")?;
    let args = ["run", "--bundle", path, &root.id("c")];
    let script = "echo 234 >/proc/self/oom_score_adj; exec \"$@\"";
    let seen = root.start_by_shell(script, &args)?.finish()?.ok()?;
    ensure!(seen == "234\n", "{seen}");
    Ok(())
}

/// Policy, nice value and priority of the program: fields 41, 19 and 40 of `proc_pid_stat(5)`.
fn scheduled(scheduler: Value) -> Result<String> {
    let script = "awk '{ print $41, $19, $40 }' /proc/1/stat";
    output(script, |bundle| bundle.with("/process/scheduler", scheduler))
}

#[test]
fn the_policy_of_most_has_a_nice_value() -> Result<()> {
    let seen = scheduled(json!({ "policy": "SCHED_OTHER", "nice": 5 }))?;
    ensure!(seen == "0 5 0\n", "{seen}");
    Ok(())
}

#[test]
fn the_policy_for_batches_has_a_nice_value() -> Result<()> {
    let seen = scheduled(json!({ "policy": "SCHED_BATCH", "nice": 7 }))?;
    ensure!(seen == "3 7 0\n", "{seen}");
    Ok(())
}

#[test]
fn the_policy_for_idle_times() -> Result<()> {
    let seen = scheduled(json!({ "policy": "SCHED_IDLE" }))?;
    ensure!(seen.starts_with("5 0 "), "{seen}");
    Ok(())
}

/// Whether a real-time policy can be had here, where a cgroup of version 1 may leave no time for it.
fn has_real_time(policy: &str, priority: &str) -> Result<bool> {
    let status = std::process::Command::new("chrt").args([policy, priority, "true"]).output();
    Ok(status.context("chrt")?.status.success())
}

#[test]
fn a_real_time_policy_has_a_priority() -> Result<()> {
    for (policy, option, number) in [("SCHED_FIFO", "-f", "1"), ("SCHED_RR", "-r", "2")] {
        if !has_real_time(option, "10")? {
            let test = "config::linux_process::a_real_time_policy_has_a_priority";
            return tests::skipped(test, "no real-time scheduling here");
        }
        let seen = scheduled(json!({ "policy": policy, "priority": 10 }))?;
        ensure!(seen == format!("{number} 0 10\n"), "{policy}: {seen}");
    }
    Ok(())
}

#[test]
fn a_scheduler_has_a_policy() -> Result<()> {
    refuses(|bundle| bundle.with("/process/scheduler", json!({ "nice": 5 })))
}

#[test]
fn an_io_priority_has_a_class_and_a_level() -> Result<()> {
    for (class, name, level) in
        [("IOPRIO_CLASS_BE", "best-effort: prio 6", 6), ("IOPRIO_CLASS_IDLE", "idle", 0)]
    {
        let priority = json!({ "class": class, "priority": level });
        let seen =
            output("ionice -p 1", |bundle| bundle.with("/process/ioPriority", priority.clone()))?;
        ensure!(seen.trim().starts_with(name), "{class}: {seen}");
    }
    Ok(())
}

#[test]
fn an_io_priority_is_that_of_every_process_of_the_container() -> Result<()> {
    let priority = json!({ "class": "IOPRIO_CLASS_BE", "priority": 6 });
    let seen = output("sh -c 'ionice -p $$'; true", |bundle| {
        bundle.with("/process/ioPriority", priority)
    })?;
    ensure!(seen.contains("best-effort: prio 6"), "{seen}");
    Ok(())
}

/// The processors that the first process and one of `exec` may run on.
fn affinities(affinity: Value) -> Result<(String, String)> {
    let root = Root::new()?;
    let script = "grep Cpus_allowed_list /proc/self/status; exec sleep 1000";
    let bundle = root.shell(script)?.with("/process/execCPUAffinity", affinity);
    let container = root.start_container("c", &bundle)?;
    let first = container.says("Cpus_allowed_list")?;
    let added = container.exec(&[], &["cat", "/proc/self/status"])?.ok()?;
    let field = "Cpus_allowed_list";
    Ok((field_of(&first, field)?, field_of(&added, field)?))
}

#[test]
fn an_affinity_is_that_of_an_added_process_in_the_end() -> Result<()> {
    let (_, added) = affinities(json!({ "initial": "0", "final": "1" }))?;
    ensure!(added == "1", "{added}");
    Ok(())
}

#[test]
fn an_affinity_is_not_for_the_first_process() -> Result<()> {
    let (without, _) = affinities(json!({}))?;
    let (first, _) = affinities(json!({ "initial": "0", "final": "0" }))?;
    ensure!(first == without, "{first}, not {without}");
    Ok(())
}
