//! Processes that cannot be.

use crate::refused;
use anyhow::Result;
use serde_json::{Value, json};
use tests::Root;

fn each_refused(cases: &[(&str, Value, &[&str])]) -> Result<()> {
    let root = Root::new()?;
    for (field, value, parts) in cases {
        let bundle = root.bundle(&["true"])?.with(field, value.clone());
        refused(&root, &bundle, parts)?;
    }
    Ok(())
}

#[test]
fn an_id_that_means_no_change_is_refused() -> Result<()> {
    // setresuid(-1) succeeds and changes nothing: the program would be root.
    each_refused(&[
        ("/process/user/uid", json!(u32::MAX), &["process.user.uid", "4294967295"]),
        ("/process/user/gid", json!(u32::MAX), &["process.user.gid", "4294967295"]),
        (
            "/process/user/additionalGids",
            json!([1, u32::MAX]),
            &["process.user.additionalGids", "4294967295"],
        ),
        ("/process/user/uid", json!(-1), &["process.user.uid", "-1"]),
        ("/process/user/uid", json!(1_u64 << 32), &["process.user.uid", "4294967296"]),
        ("/process/user/uid", json!("root"), &["process.user.uid", "root"]),
    ])
}

#[test]
fn every_other_id_is_taken() -> Result<()> {
    let root = Root::new()?;
    for (name, id) in [("a", 2_147_483_648_u32), ("b", u32::MAX - 1)] {
        let user = json!({ "uid": id, "gid": id });
        let bundle = root.shell("id -u; id -g")?.with("/process/user", user);
        assert_eq!(root.start_container(name, &bundle)?.output()?, format!("{id}\n{id}\n"));
    }
    Ok(())
}

#[test]
fn without_a_program_there_is_nothing_to_run() -> Result<()> {
    each_refused(&[
        ("/process/args", json!([]), &["process.args"]),
        ("/process/args", json!([""]), &["process.args[0]"]),
        ("/process/args", json!("true"), &["process.args", "true"]),
        ("/process/args", json!(["a\0b"]), &["process.args[0]", "NUL"]),
        ("/process", Value::Null, &["process"]),
    ])
}

#[test]
fn the_environment_has_names_and_values() -> Result<()> {
    each_refused(&[
        ("/process/env", json!(["PATH=/bin", "FOO"]), &["process.env[1]", "FOO"]),
        ("/process/env", json!(["=x"]), &["process.env[0]", "=x"]),
        ("/process/env", json!(["A=b\0c"]), &["process.env[0]", "NUL"]),
    ])
}

#[test]
fn the_working_directory_is_an_absolute_path_to_a_directory() -> Result<()> {
    each_refused(&[
        ("/process/cwd", json!(""), &["process.cwd"]),
        ("/process/cwd", json!("tmp"), &["process.cwd", "tmp"]),
        ("/process/cwd", json!("/etc/passwd"), &["process.cwd", "etc/passwd"]),
        ("/process/cwd", json!("/made\0up"), &["process.cwd", "NUL"]),
    ])
}

#[test]
fn capabilities_limits_and_scores_are_checked() -> Result<()> {
    let limit = |soft: u64, hard: u64| json!({ "type": "RLIMIT_CORE", "soft": soft, "hard": hard });
    let unknown = json!([{ "type": "RLIMIT_PODS", "soft": 1, "hard": 1 }]);
    each_refused(&[
        ("/process/capabilities/bounding", json!(["CAP_PEA"]), &["capabilities", "CAP_PEA"]),
        ("/process/rlimits", unknown, &["process.rlimits", "RLIMIT_PODS"]),
        ("/process/rlimits", json!([limit(2, 1)]), &["process.rlimits[RLIMIT_CORE]", "2"]),
        (
            "/process/rlimits",
            json!([limit(1, 1), limit(1, 1)]),
            &["process.rlimits", "RLIMIT_CORE", "twice"],
        ),
        ("/process/oomScoreAdj", json!(5000), &["process.oomScoreAdj", "5000"]),
        ("/process/user/umask", json!(0o1000), &["process.user.umask", "512"]),
        (
            "/annotations/org.opencontainers.image.stopSignal",
            json!("SIGPEA"),
            &["org.opencontainers.image.stopSignal", "SIGPEA"],
        ),
    ])
}
