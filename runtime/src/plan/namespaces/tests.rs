//! Which process makes and joins what, where there is a user namespace.

use super::*;
use serde_json::{Value, json};

const MAP: &str = r#"[{"containerID": 0, "hostID": 1000, "size": 65536}]"#;

fn maps() -> IdMaps {
    let map = super::super::ids::IdMap { container: 0, host: 1000, size: 65536 };
    IdMaps { uids: vec![map], gids: vec![map] }
}

fn plan_of(namespaces: &Value, sandbox: Option<&Sharing>) -> Result<Namespaces> {
    let maps: Value = serde_json::from_str(MAP).unwrap();
    let mut linux = json!({ "namespaces": namespaces });
    let is_new = |one: &Value| one["type"] == "user" && one["path"].is_null();
    if namespaces.as_array().unwrap().iter().any(is_new) {
        linux["uidMappings"] = maps.clone();
        linux["gidMappings"] = maps;
    }
    Namespaces::build(&serde_json::from_value(linux).unwrap(), sandbox)
}

fn in_pod(nested: bool, maps: Option<IdMaps>) -> Sharing {
    Sharing { pid: 42, nested, maps }
}

fn joined(plan: &Namespaces) -> Vec<&str> {
    plan.join.iter().map(|join| join.path.to_str().unwrap()).collect()
}

#[test]
fn a_new_one_is_made_with_those_that_it_owns() {
    let all = json!([{ "type": "user" }, { "type": "mount" }, { "type": "pid" }]);
    let plan = plan_of(&all, None).unwrap();
    assert_eq!((plan.shape, &plan.user), (Shape::Direct, &User::New(maps())));
    let wanted = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID;
    assert_eq!(plan.new, wanted);
    assert!(!plan.makes_new_after_joining());
}

#[test]
fn what_is_the_hosts_is_joined_before_it_is_made() {
    let network = json!([{ "type": "user" }, { "type": "network", "path": "/n" }]);
    let plan = plan_of(&network, None).unwrap();
    assert_eq!((plan.shape, &plan.join_pid), (Shape::Nested, &None));
    assert_eq!(plan.new, CloneFlags::CLONE_NEWUSER);
    assert!(plan.makes_new_after_joining());
    let refused = plan_of(&json!([{ "type": "user" }, { "type": "pid", "path": "/p" }]), None);
    assert!(refused.unwrap_err().to_string().starts_with("linux.namespaces[user]: a new user"));
}

#[test]
fn one_that_is_joined_comes_last_and_owns_what_is_new() {
    let namespaces = json!([
        { "type": "user", "path": "/u" }, { "type": "mount", "path": "/m" },
        { "type": "ipc", "path": "/i" }, { "type": "network" },
    ]);
    let plan = plan_of(&namespaces, None).unwrap();
    assert_eq!(joined(&plan), ["/i", "/m", "/u"]);
    assert_eq!((plan.shape, &plan.user), (Shape::Nested, &User::Joined(None)));
    let shared = json!([{ "type": "user", "path": "/u" }, { "type": "pid", "path": "/p" }]);
    assert_eq!(plan_of(&shared, None).unwrap().shape, Shape::Shared);
}

#[test]
fn that_of_a_pod_is_that_of_its_containers() {
    let pods = "/proc/42/ns/user";
    for own in [
        json!([{ "type": "mount" }]),
        json!([{ "type": "mount" }, { "type": "user" }]),
        json!([{ "type": "mount" }, { "type": "user", "path": pods }]),
    ] {
        for (nested, shape) in [(false, Shape::Shared), (true, Shape::Nested)] {
            let plan = plan_of(&own, Some(&in_pod(nested, Some(maps())))).unwrap();
            assert_eq!((plan.shape, &plan.user), (shape, &User::Pods(maps())), "{own}");
            assert_eq!(joined(&plan).last(), Some(&pods));
            assert!(!plan.new.contains(CloneFlags::CLONE_NEWUSER));
            assert!(plan.makes_new_after_joining());
        }
    }
}

#[test]
fn no_container_of_a_pod_has_another_one() {
    let mut others = maps();
    others.gids[0].host = 7;
    for (own, maps, line) in [
        (
            json!([{ "type": "user" }]),
            Some(others),
            "linux.gidMappings: 0:1000:65536: that of the sandbox is 0:7:65536",
        ),
        (
            json!([{ "type": "user" }]),
            None,
            "linux.namespaces[user]: asked for: the sandbox has none: it is made with sandbox \
             create --uid-map --gid-map",
        ),
        (
            json!([{ "type": "user", "path": "/u" }]),
            Some(maps()),
            "linux.namespaces[user]: /u: a container of a pod is in that of the pod, \
             /proc/42/ns/user",
        ),
    ] {
        let refused = plan_of(&own, Some(&in_pod(false, maps))).unwrap_err();
        assert_eq!(refused.to_string(), line);
    }
}

#[test]
fn a_time_namespace_is_made_by_init() {
    let plan = plan_of(&json!([{ "type": "time" }]), None).unwrap();
    assert_eq!((plan.time, plan.new), (Some(Time(Vec::new())), CloneFlags::empty()));
    let plan = plan_of(&json!([{ "type": "time", "path": "/t" }]), None).unwrap();
    assert_eq!((plan.time, plan.join[0].kind), (None, CLONE_NEWTIME));
}
