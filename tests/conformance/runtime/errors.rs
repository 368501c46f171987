//! runtime.md, "Errors": what was refused leaves the host as it was.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{Bundle, Root};

/// Makes sure that the bundle is refused, and that no state, cgroup, mount and process is left.
fn leaves_nothing(change: impl FnOnce(Bundle) -> Bundle) -> Result<()> {
    let root = Root::new()?;
    let created = root.try_create("c", &change(root.shell("true")?.as_root(&[])), &[])?;
    root.adopt_all()?;
    let left = root.has_nothing_left();
    root.run(&["delete", "--force", &root.id("c")])?;
    ensure!(!created.status.success(), "it is accepted");
    left
}

/// A test for each field.
macro_rules! refused {
    ($($name:ident: $field:literal = $value:expr;)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            leaves_nothing(|bundle| bundle.with($field, Value::from($value)))
        })*
    };
}

refused! {
    a_limit_that_is_unknown:
        "/process/rlimits" = json!([{ "type": "RLIMIT_X", "soft": 1, "hard": 1 }]);
    a_limit_that_is_there_twice: "/process/rlimits" =
        json!([{ "type": "RLIMIT_CPU", "soft": 1, "hard": 1 },
            { "type": "RLIMIT_CPU", "soft": 1, "hard": 1 }]);
    an_oom_score_that_is_none: "/process/oomScoreAdj" = 5000;
    a_directory_that_is_none: "/process/cwd" = "/bin/busybox";
    a_root_that_is_not_there: "/root/path" = "gone";
    a_mount_of_what_is_not_there: "/mounts/-" =
        json!({ "destination": "/tmp", "source": "/gone-of-the-host", "options": ["bind"] });
    a_mount_of_no_type: "/mounts/-" = json!({ "destination": "/tmp", "type": "nonsensefs" });
    a_namespace_that_is_not_there:
        "/linux/namespaces/3" = json!({ "type": "network", "path": "/gone" });
    a_namespace_of_another_type:
        "/linux/namespaces/3" = json!({ "type": "network", "path": "/proc/self/ns/uts" });
    a_sysctl_that_is_none: "/linux/sysctl" = json!({ "net.nonsense": "1" });
    a_cgroup_file_that_is_none: "/linux/resources/unified" = json!({ "nonsense.max": "1" });
    a_time_offset_that_is_none: "/linux/namespaces/-" = json!({ "type": "time", "path": "/gone" });
    a_hook_that_fails: "/hooks/createRuntime" = json!([{ "path": "/bin/false" }]);
    a_hook_of_the_container_that_fails:
        "/hooks/createContainer" = json!([{ "path": "/bin/false" }]);
    a_seccomp_action_that_is_none:
        "/linux/seccomp" = json!({ "defaultAction": "SCMP_ACT_SHRUG" });
    a_personality_that_is_none: "/linux/personality" = json!({ "domain": "PLAN9" });
    a_device_where_something_else_is: "/linux/devices" =
        json!([{ "path": "/bin/busybox", "type": "c", "major": 1, "minor": 3 }]);
}

#[test]
fn a_console_socket_that_is_not_there() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("true")?.with("/process/terminal", true);
    let path = root.file("gone").to_string_lossy().into_owned();
    let created = root.try_create("c", &bundle, &["--console-socket", &path])?;
    root.adopt_all()?;
    let left = root.has_nothing_left();
    root.run(&["delete", "--force", &root.id("c")])?;
    ensure!(!created.status.success(), "it is accepted");
    left
}
