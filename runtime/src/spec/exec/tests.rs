//! What becomes of the process of config.json.

use super::*;
use serde_json::json;

fn process() -> Process {
    let process = json!({
        "user": { "uid": 5, "gid": 6, "additionalGids": [7] }, "cwd": "/", "args": ["init"],
        "env": ["PATH=/bin", "A=old", "HOME=/root"], "terminal": true,
        "capabilities": { "bounding": ["CAP_KILL"], "inheritable": ["CAP_CHOWN"] },
    });
    serde_json::from_value(process).unwrap()
}

#[test]
fn a_variable_replaces_that_of_its_name() {
    let mut process = process();
    let added = ["A=1", "B=2", "A=3"].map(str::to_owned);
    add_env(&mut process, &added);
    assert_eq!(process.env().as_deref().unwrap(), ["PATH=/bin", "HOME=/root", "B=2", "A=3"]);
}

#[test]
fn a_user_without_a_group_keeps_that_of_the_container() {
    let mut process = process();
    let user = Some(User { uid: 1, gid: None });
    add_user(&mut process, &Changes { user, groups: &[8], ..Changes::default() });
    assert_eq!((process.user().uid(), process.user().gid()), (1, 6));
    assert_eq!(process.user().additional_gids().as_deref(), Some([7, 8].as_slice()));
    let user = Some(User { uid: 1, gid: Some(2) });
    add_user(&mut process, &Changes { user, ..Changes::default() });
    assert_eq!((process.user().uid(), process.user().gid()), (1, 2));
}

/// CVE-2022-29162.
#[test]
fn no_capability_becomes_inheritable() {
    let mut process = process();
    let names = ["CAP_NET_RAW", "cap_chown"].map(str::to_owned);
    add_capabilities(&mut process, &names).unwrap();
    let sets = process.capabilities().clone().unwrap();
    let set = |names: &[Capability]| Some(names.iter().copied().collect::<Capabilities>());
    assert_eq!(sets.inheritable(), &set(&[Capability::Chown]));
    assert_eq!(sets.ambient(), &set(&[Capability::Chown]));
    assert_eq!(sets.effective(), &set(&[Capability::Chown, Capability::NetRaw]));
    assert_eq!(sets.permitted(), sets.effective());
    let all = [Capability::Kill, Capability::Chown, Capability::NetRaw];
    assert_eq!(sets.bounding(), &set(&all));
}

#[test]
fn a_capability_that_nobody_knows_is_refused() {
    let error = add_capabilities(&mut process(), &["CAP_ZZ".to_owned()]).unwrap_err();
    assert_eq!(error.to_string(), "--cap: CAP_ZZ: no such capability");
}
