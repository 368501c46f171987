//! What a filter is made of, and when it is loaded. Whether it says what libseccomp's would is for
//! tests/seccomp, which has libseccomp.

use super::*;
use serde_json::{Value, json};

fn filter(profile: &Value) -> Result<Filter> {
    Filter::build(&serde_json::from_value(profile.clone()).unwrap())
}

fn rules(rules: &Value) -> Value {
    json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules })
}

#[test]
fn profiles_that_differ_only_in_an_error_number_are_two_programs() {
    // crun has one cache entry for both (reproduced with crun 1.28).
    let with = |errno: u32| {
        let rule = json!({ "names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno });
        filter(&rules(&json!([rule]))).unwrap().program
    };
    assert_ne!(with(1), with(38));
    let returns = |errno: u32| with(errno).iter().any(|one| one.k == 0x0005_0000 | errno);
    assert!(returns(1) && returns(38) && returns(13));
}

#[test]
fn a_filter_is_loaded_as_late_as_can_be() {
    let quiet = filter(&rules(&json!([]))).unwrap();
    assert_eq!(quiet.moment(true), Moment::Last);
    assert_eq!(quiet.moment(false), Moment::Privileged);
    let mut profile = rules(&json!([{ "names": ["mkdir"], "action": "SCMP_ACT_NOTIFY" }]));
    profile["listenerPath"] = "/run/agent".into();
    let loud = filter(&profile).unwrap();
    assert_eq!(loud.moment(true), Moment::BeforeReady);
    assert_eq!(loud.moment(false), Moment::Privileged);
}

#[test]
fn flags_are_those_of_the_kernel() {
    let mut profile = rules(&json!([{ "names": ["mkdir"], "action": "SCMP_ACT_NOTIFY" }]));
    profile["flags"] = json!([
        "SECCOMP_FILTER_FLAG_TSYNC",
        "SECCOMP_FILTER_FLAG_LOG",
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    ]);
    assert_eq!(filter(&profile).unwrap().flags, 2 | 4 | 32);
    // The kernel refuses the last one where nobody is notified.
    profile["syscalls"] = json!([]);
    assert_eq!(filter(&profile).unwrap().flags, 2 | 4);
}

#[test]
fn the_path_of_an_agent_that_nothing_is_for_is_ignored() {
    let mut profile = rules(&json!([]));
    profile["listenerPath"] = "/run/agent".into();
    assert_eq!(filter(&profile).unwrap().listener, None);
}

#[test]
fn an_architecture_without_a_table_is_named() {
    let mut profile = rules(&json!([]));
    profile["architectures"] = json!(["SCMP_ARCH_X86_64", "SCMP_ARCH_S390"]);
    let error = filter(&profile).unwrap_err().to_string();
    assert!(error.starts_with("linux.seccomp.architectures: SCMP_ARCH_S390: "), "{error}");
}

#[test]
fn rules_that_contradict_each_other_are_refused() {
    let rule = |action| {
        json!({ "names": ["kill"], "action": action,
                "args": [{ "index": 1, "value": 9, "op": "SCMP_CMP_EQ" }] })
    };
    let error = filter(&rules(&json!([rule("SCMP_ACT_KILL"), rule("SCMP_ACT_ERRNO")])));
    let error = error.unwrap_err().to_string();
    assert_eq!(
        error,
        "linux.seccomp.syscalls: kill: two rules with the same conditions and different actions"
    );
    assert!(filter(&rules(&json!([rule("SCMP_ACT_KILL"), rule("SCMP_ACT_KILL")]))).is_ok());
}

#[test]
fn a_program_that_is_too_long_for_the_kernel_is_refused() {
    let rule = |value: u32| {
        json!({ "names": ["kill"], "action": "SCMP_ACT_ERRNO",
                "args": [{ "index": 1, "value": value, "op": "SCMP_CMP_EQ" }] })
    };
    let many = |count: u32| filter(&rules(&(0..count).map(rule).collect()));
    // Jumps over more than 255 instructions.
    assert!(many(900).is_ok());
    let error = many(1100).unwrap_err().to_string();
    assert!(error.contains("instructions: the kernel takes filters of at most 4096"), "{error}");
}

#[test]
fn unknown_names_are_nothing() {
    let with = |names: Value| {
        filter(&rules(&json!([{ "names": names, "action": "SCMP_ACT_KILL" }]))).unwrap().program
    };
    assert_eq!(with(json!(["mkdir", "no_such_call"])), with(json!(["mkdir"])));
}
