//! config-linux.md, "Seccomp".

use crate::{refuses, runs, shows};
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{Bundle, Root};

fn filtered(seccomp: Value) -> impl FnOnce(Bundle) -> Bundle {
    move |bundle| bundle.with("/linux/seccomp", seccomp)
}

/// What is allowed by default, with rules.
fn rules(rules: &Value) -> Value {
    json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules })
}

/// A rule for mkdir, which busybox calls.
fn mkdir(fields: &Value) -> Value {
    let mut rule = json!({ "names": ["mkdir", "mkdirat"] });
    for (key, value) in fields.as_object().into_iter().flatten() {
        rule[key] = value.clone();
    }
    rules(&Value::from(vec![rule]))
}

const MKDIR: &str = "mkdir /tmp/x 2>&1 | sed 's/.*: //'";

#[test]
fn an_action_of_errno_is_eperm_by_default() -> Result<()> {
    let seccomp = mkdir(&json!({ "action": "SCMP_ACT_ERRNO" }));
    shows(MKDIR, filtered(seccomp), "Operation not permitted")
}

#[test]
fn an_errno_is_what_is_asked_for() -> Result<()> {
    let seccomp = mkdir(&json!({ "action": "SCMP_ACT_ERRNO", "errnoRet": 28 }));
    shows(MKDIR, filtered(seccomp), "No space left on device")
}

#[test]
fn two_rules_have_two_errnos() -> Result<()> {
    let seccomp = rules(&json!([
        { "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28 },
        { "names": ["symlink", "symlinkat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 12 },
    ]));
    let script = format!("{MKDIR}; ln -s x /tmp/y 2>&1 | sed 's/.*: //'");
    shows(&script, filtered(seccomp), "No space left on device Cannot allocate memory")
}

#[test]
fn an_errno_of_an_action_that_has_none_is_an_error() -> Result<()> {
    for action in ["SCMP_ACT_ALLOW", "SCMP_ACT_KILL", "SCMP_ACT_LOG", "SCMP_ACT_TRAP"] {
        let seccomp = mkdir(&json!({ "action": action, "errnoRet": 5 }));
        refuses(filtered(seccomp))?;
    }
    Ok(())
}

#[test]
fn a_default_errno_of_an_action_that_has_none_is_an_error() -> Result<()> {
    let mut seccomp = mkdir(&json!({ "action": "SCMP_ACT_ERRNO" }));
    seccomp["defaultErrnoRet"] = json!(5);
    refuses(filtered(seccomp))
}

/// What a shell and `mkdir` call, and the runtimes themselves before they execute it.
const NEEDED: &str = "access arch_prctl brk capget capset chdir clone clone3 close close_range \
    connect dup dup2 dup3 epoll_create1 epoll_ctl epoll_pwait eventfd2 execve execveat exit \
    exit_group faccessat faccessat2 fchdir fchown fcntl fgetxattr fork fstat fstatfs futex getcwd \
    getdents64 getegid geteuid getgid getgroups getpgrp getpid getppid getpriority getrandom \
    getrlimit getsockopt gettid getuid ioctl ioprio_set kill lseek lstat madvise memfd_create mmap \
    mprotect mremap munmap nanosleep newfstatat open openat openat2 pidfd_open \
    pidfd_send_signal pipe pipe2 poll ppoll prctl pread64 prlimit64 pwrite64 read readlink \
    readlinkat readv recvfrom recvmsg restart_syscall rseq rt_sigaction rt_sigprocmask \
    rt_sigreturn sched_getaffinity sched_setaffinity sched_yield sendmsg sendto set_robust_list \
    set_tid_address setgid setgroups setresgid setresuid setrlimit setsid setuid sigaltstack \
    socket stat statfs statx tgkill umask uname unlink unlinkat vfork wait4 waitid write writev";

/// Everything that a shell needs is allowed; another call has the default action.
fn by_default(action: &str, errno: Option<u32>) -> Value {
    let names: Vec<_> = NEEDED.split_whitespace().collect();
    let allowed = json!([{ "names": names, "action": "SCMP_ACT_ALLOW" }]);
    let mut seccomp = json!({ "defaultAction": action, "syscalls": allowed });
    if let Some(errno) = errno {
        seccomp["defaultErrnoRet"] = errno.into();
    }
    seccomp
}

#[test]
fn the_default_action_is_for_all_that_no_rule_names() -> Result<()> {
    let seccomp = by_default("SCMP_ACT_ERRNO", None);
    shows(MKDIR, filtered(seccomp), "Operation not permitted")
}

#[test]
fn the_default_errno_is_what_is_asked_for() -> Result<()> {
    let seccomp = by_default("SCMP_ACT_ERRNO", Some(28));
    shows(MKDIR, filtered(seccomp), "No space left on device")
}

/// How the shell sees the end of a program that calls what `action` is for.
fn ends(action: &str, expected: &str) -> Result<()> {
    let seccomp = mkdir(&json!({ "action": action }));
    shows("mkdir /tmp/x 2>/dev/null; echo $?", filtered(seccomp), expected)
}

#[test]
fn kill_ends_the_caller_with_sigsys() -> Result<()> {
    ends("SCMP_ACT_KILL", "159")
}

#[test]
fn kill_process_ends_the_caller_with_sigsys() -> Result<()> {
    ends("SCMP_ACT_KILL_PROCESS", "159")
}

#[test]
fn kill_thread_ends_the_caller_with_sigsys() -> Result<()> {
    ends("SCMP_ACT_KILL_THREAD", "159")
}

#[test]
fn trap_is_a_signal() -> Result<()> {
    ends("SCMP_ACT_TRAP", "159")
}

#[test]
fn trace_without_a_tracer_is_no_such_call() -> Result<()> {
    let seccomp = mkdir(&json!({ "action": "SCMP_ACT_TRACE" }));
    shows(MKDIR, filtered(seccomp), "Function not implemented")
}

#[test]
fn log_lets_it_pass() -> Result<()> {
    let seccomp = mkdir(&json!({ "action": "SCMP_ACT_LOG" }));
    let with_tmp =
        |bundle: Bundle| filtered(seccomp)(bundle).with_mount("tmpfs", "tmpfs", "/tmp", &[]);
    shows("mkdir /tmp/x && echo made", with_tmp, "made")
}

#[test]
fn allow_lets_it_pass() -> Result<()> {
    let seccomp = mkdir(&json!({ "action": "SCMP_ACT_ALLOW" }));
    let with_tmp =
        |bundle: Bundle| filtered(seccomp)(bundle).with_mount("tmpfs", "tmpfs", "/tmp", &[]);
    shows("mkdir /tmp/x && echo made", with_tmp, "made")
}

/// Whether `kill -0` of one's own process with that number of a signal is denied: by a comparison
/// of kill's second argument.
fn compares(op: &str, value: u64, two: Option<u64>, denied: &str) -> Result<()> {
    let mut argument = json!({ "index": 1, "value": value, "op": op });
    if let Some(two) = two {
        argument["valueTwo"] = two.into();
    }
    let seccomp = rules(&json!([
        { "names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28, "args": [argument] },
    ]));
    // SIGURG 23, SIGCHLD 17 and SIGWINCH 28 do nothing by default.
    let script = "for n in 17 23 28; do kill -$n $$ 2>/dev/null || echo $n; done";
    shows(script, filtered(seccomp), denied)
}

macro_rules! operators {
    ($($name:ident: $op:literal $value:literal, $two:expr => $denied:literal;)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            compares($op, $value, $two, $denied)
        })*
    };
}

operators! {
    an_argument_that_is_not_equal: "SCMP_CMP_NE" 23, None => "17 28";
    an_argument_that_is_less: "SCMP_CMP_LT" 23, None => "17";
    an_argument_that_is_less_or_equal: "SCMP_CMP_LE" 23, None => "17 23";
    an_argument_that_is_equal: "SCMP_CMP_EQ" 23, None => "23";
    an_argument_that_is_greater_or_equal: "SCMP_CMP_GE" 23, None => "23 28";
    an_argument_that_is_greater: "SCMP_CMP_GT" 23, None => "28";
    an_argument_that_is_equal_under_a_mask: "SCMP_CMP_MASKED_EQ" 0x1e, Some(0x10) => "17";
}

#[test]
fn names_have_at_least_one_entry() -> Result<()> {
    refuses(filtered(rules(&json!([{ "names": [], "action": "SCMP_ACT_ERRNO" }]))))
}

#[test]
fn names_are_required() -> Result<()> {
    refuses(filtered(rules(&json!([{ "action": "SCMP_ACT_ERRNO" }]))))
}

#[test]
fn an_action_is_required() -> Result<()> {
    refuses(filtered(rules(&json!([{ "names": ["mkdir"] }]))))
}

#[test]
fn a_default_action_is_required() -> Result<()> {
    refuses(filtered(json!({ "syscalls": [{ "names": ["mkdir"], "action": "SCMP_ACT_ERRNO" }] })))
}

#[test]
fn rules_are_optional() -> Result<()> {
    runs(filtered(json!({ "defaultAction": "SCMP_ACT_ALLOW" })))
}

#[test]
fn every_architecture_of_the_list_is_known() -> Result<()> {
    for name in [
        "X86",
        "X86_64",
        "X32",
        "ARM",
        "AARCH64",
        "MIPS",
        "MIPS64",
        "MIPS64N32",
        "MIPSEL",
        "MIPSEL64",
        "MIPSEL64N32",
        "PPC",
        "PPC64",
        "PPC64LE",
        "S390",
        "S390X",
        "RISCV64",
        "LOONGARCH64",
    ] {
        let mut seccomp = mkdir(&json!({ "action": "SCMP_ACT_ERRNO" }));
        seccomp["architectures"] = json!(["SCMP_ARCH_X86_64", format!("SCMP_ARCH_{name}")]);
        shows("echo done", filtered(seccomp), "done").map_err(|error| error.context(name))?;
    }
    Ok(())
}

#[test]
fn every_flag_of_the_list_is_known() -> Result<()> {
    for name in ["TSYNC", "LOG", "SPEC_ALLOW"] {
        let mut seccomp = mkdir(&json!({ "action": "SCMP_ACT_ERRNO" }));
        seccomp["flags"] = json!([format!("SECCOMP_FILTER_FLAG_{name}")]);
        shows("echo done", filtered(seccomp), "done").map_err(|error| error.context(name))?;
    }
    Ok(())
}

#[test]
fn it_is_in_force_without_no_new_privileges_too() -> Result<()> {
    let seccomp = mkdir(&json!({ "action": "SCMP_ACT_ERRNO" }));
    let privileged = |bundle| filtered(seccomp)(bundle).with("/process/noNewPrivileges", false);
    shows(MKDIR, privileged, "Operation not permitted")
}

#[test]
fn it_is_in_force_for_an_added_process_too() -> Result<()> {
    let root = Root::new()?;
    let seccomp = mkdir(&json!({ "action": "SCMP_ACT_ERRNO", "errnoRet": 28 }));
    let container =
        root.start_container("c", &filtered(seccomp)(root.shell("exec sleep 1000")?))?;
    let added = container.exec(&[], &["mkdir", "/tmp/x"])?;
    ensure!(added.stderr.contains("No space left"), "{added:?}");
    Ok(())
}
