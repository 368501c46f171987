//! Plans are data: what they hold can be told without root.

use super::*;
use crate::sys::process::CloneFlags;
use std::fs;

const FACTS: Facts = Facts { permitted: 0x1ff_ffff_ffff };

fn plan_of(config: &str, options: &Options<'_>) -> Result<Plan> {
    let spec: Spec = serde_json::from_str(config).unwrap();
    Plan::build(&spec, Path::new("/bundle"), options, &FACTS)
}

fn config(linux: &str, mounts: &str) -> String {
    format!(
        r#"{{"ociVersion": "1.3.0", "root": {{"path": "rootfs"}}, "hostname": "alone",
            "process": {{"user": {{"uid": 7, "gid": 8}}, "args": ["sh"], "cwd": "/",
                         "env": ["PATH=/sbin:/bin"]}},
            "mounts": [{mounts}], "linux": {linux}}}"#
    )
}

fn namespaces(types: &[&str]) -> String {
    let types: Vec<_> = types.iter().map(|kind| format!(r#"{{"type": "{kind}"}}"#)).collect();
    format!(r#"{{"namespaces": [{}]}}"#, types.join(","))
}

fn in_pod(nested: bool) -> Options<'static> {
    let sandbox = Some(Sharing { pid: 42, nested, maps: None });
    Options { sandbox, ..Options::default() }
}

const ALL: [&str; 6] = ["pid", "ipc", "uts", "network", "mount", "cgroup"];

/// `PEAPOD_UPDATE_GOLDEN=1 cargo test -p peapod` writes the files anew.
#[test]
fn every_sample_bundle_has_the_plan_beside_it() {
    let bundles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bundles");
    let mut seen = 0;
    for bundle in fs::read_dir(bundles).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(config) = fs::read_to_string(bundle.join("config.json")) else { continue };
        let plan = format!("{:#?}\n", plan_of(&config, &Options::default()).unwrap());
        let golden = bundle.join("plan.golden");
        if std::env::var_os("PEAPOD_UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &plan).unwrap();
        }
        let wanted = fs::read_to_string(&golden).unwrap();
        assert!(plan == wanted, "{} differs; it would be:\n{plan}", golden.display());
        seen += 1;
    }
    assert!(seen >= 6, "only {seen} bundles");
}

#[test]
fn a_container_of_its_own_is_one_clone() {
    let plan = plan_of(&config(&namespaces(&ALL), ""), &Options::default()).unwrap();
    assert_eq!(plan.namespaces.shape, Shape::Direct);
    assert!(plan.namespaces.new.contains(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET));
    assert!(plan.namespaces.unshare_cgroup && plan.namespaces.join.is_empty());
    assert_eq!(plan.hostname.as_deref(), Some(c"alone"));
}

/// What `exec` joins: a kind that is forgotten there is a process of the host in the container.
#[test]
fn every_kind_of_namespace_is_remembered() {
    let types = ["pid", "ipc", "uts", "network", "mount", "cgroup", "user", "time"];
    let map = r#""uidMappings": [{"containerID": 0, "hostID": 1000, "size": 65536}],
                 "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 65536}], "#;
    let linux = namespaces(&types).replacen('{', &format!("{{{map}"), 1);
    let kinds = plan_of(&config(&linux, ""), &Options::default()).unwrap().namespaces.kinds();
    let all = [0x2_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];
    let with_time = all.into_iter().fold(0x200_0000 | 0x80, |all, kind| all | kind);
    assert_eq!(kinds.bits(), with_time);
    for nested in [false, true] {
        let joined = plan_of(&config(&namespaces(&ALL), ""), &in_pod(nested)).unwrap();
        let own = plan_of(&config(&namespaces(&ALL), ""), &Options::default()).unwrap();
        assert_eq!(joined.namespaces.kinds(), own.namespaces.kinds());
    }
}

#[test]
fn a_member_of_a_pod_joins_what_the_pod_shares() {
    for (nested, shape) in [(false, Shape::Shared), (true, Shape::Nested)] {
        let plan = plan_of(&config(&namespaces(&ALL), ""), &in_pod(nested)).unwrap();
        let namespaces = &plan.namespaces;
        assert_eq!(namespaces.shape, shape);
        let mut joined: Vec<_> = namespaces.join.iter().map(|join| join.path.clone()).collect();
        joined.sort();
        let of_pause = |name| PathBuf::from(format!("/proc/42/ns/{name}"));
        assert_eq!(joined, ["ipc", "net", "uts"].map(of_pause));
        assert_eq!(namespaces.join_pid, Some(of_pause("pid")));
        assert_eq!(namespaces.new.contains(CloneFlags::CLONE_NEWPID), nested);
        assert!(!namespaces.new.contains(CloneFlags::CLONE_NEWNET));
        assert_eq!(plan.hostname, None, "the pod's name is the pod's");
    }
}

#[test]
fn a_pod_has_one_dev_shm() {
    let asked = r#"{"destination": "/dev/shm", "type": "tmpfs", "options": ["nodev", "size=1m"]}"#;
    for mounts in ["", asked] {
        let plan = plan_of(&config(&namespaces(&ALL), mounts), &in_pod(false)).unwrap();
        let [shm] = plan.mounts.as_slice() else { panic!("{:?}", plan.mounts) };
        let path = PathBuf::from("/proc/42/root/dev/shm");
        assert_eq!(shm.source, Source::Bind { path, depth: Depth::One, link: Link::Follow });
    }
    let own = r#"{"destination": "/dev/shm", "source": "/mine", "options": ["bind"]}"#;
    let plan = plan_of(&config(&namespaces(&ALL), own), &in_pod(false)).unwrap();
    let path = PathBuf::from("/mine");
    assert_eq!(plan.mounts[0].source, Source::Bind { path, depth: Depth::One, link: Link::Follow });
}

#[test]
fn a_namespace_with_a_path_is_joined() {
    let linux = r#"{"namespaces": [{"type": "pid", "path": "/proc/1/ns/pid"}, {"type": "mount"},
                                   {"type": "network", "path": "/run/netns/a"}]}"#;
    let plan = plan_of(&config(linux, ""), &Options::default()).unwrap();
    assert_eq!(plan.namespaces.shape, Shape::Shared);
    assert_eq!(plan.namespaces.join[0].path, Path::new("/run/netns/a"));
    assert_eq!(plan.namespaces.new, CloneFlags::CLONE_NEWNS);
}

#[test]
fn the_program_is_looked_for_in_path() {
    let plan = plan_of(&config(&namespaces(&ALL), ""), &Options::default()).unwrap();
    let Executable::Search(places) = plan.process.executable else { panic!() };
    assert_eq!(places, [c"/sbin/sh".to_owned(), c"/bin/sh".to_owned()]);
}

#[test]
fn an_absent_set_of_capabilities_is_empty() {
    let plan = plan_of(&config(&namespaces(&ALL), ""), &Options::default()).unwrap();
    assert_eq!(plan.process.identity.capabilities, Default::default());
}

#[test]
fn what_cannot_be_granted_is_a_warning() {
    let config = config(&namespaces(&ALL), "").replace(
        r#""args""#,
        r#""capabilities": {"permitted": ["CAP_KILL", "CAP_SYS_BOOT"],
                            "effective": ["CAP_KILL", "CAP_CHOWN"], "ambient": ["CAP_KILL"]},
           "args""#,
    );
    let spec: Spec = serde_json::from_str(&config).unwrap();
    let facts = Facts { permitted: 1 << 5 | 1 };
    let plan = Plan::build(&spec, Path::new("/b"), &Options::default(), &facts).unwrap();
    let sets = plan.process.identity.capabilities;
    assert_eq!((sets.permitted, sets.effective, sets.ambient), (1 << 5, 1 << 5, 0));
    let wanted = "process.capabilities: cannot be granted: CAP_CHOWN, CAP_KILL, CAP_SYS_BOOT";
    assert_eq!(plan.warnings, [wanted]);
}

#[test]
fn an_option_that_nobody_knows_is_named() {
    for (mount, error) in [
        (
            r#"{"destination": "/a", "source": "/x", "options": ["bind", "size=1"]}"#,
            "mounts[/a].options: size: no such option of a bind mount",
        ),
        (
            r#"{"destination": "/a", "type": "bind", "options": []}"#,
            "mounts[/a].options: bind: a bind mount needs a source",
        ),
        (
            r#"{"destination": "/a", "source": "/x", "options": ["rbind", "tmpcopyup"]}"#,
            "mounts[/a].options: tmpcopyup: is for a new tmpfs",
        ),
        (
            r#"{"destination": "/a", "options": ["remount", "bind", "size=1"]}"#,
            "mounts[/a].options: size: no such option of a bind mount",
        ),
    ] {
        let refused = plan_of(&config(&namespaces(&ALL), mount), &Options::default());
        assert_eq!(refused.unwrap_err().to_string(), error);
    }
}

#[test]
fn sysctls_take_both_separators() {
    let linux = r#"{"sysctl": {"net.ipv4.conf.eth0/100.forwarding": "1"}}"#;
    let plan = plan_of(&config(linux, ""), &Options::default()).unwrap();
    let file = c"sys/net/ipv4/conf/eth0.100/forwarding".to_owned();
    assert_eq!(plan.sysctls, [(file, c"1".to_owned())]);
}

#[test]
fn a_user_namespace_gives_every_capability_and_binds_devices() {
    let linux = r#"{"namespaces": [{"type": "user"}, {"type": "mount"}],
        "uidMappings": [{"containerID": 0, "hostID": 9, "size": 50}],
        "gidMappings": [{"containerID": 0, "hostID": 9, "size": 50}],
        "devices": [{"path": "/dev/fifo", "type": "p"}]}"#;
    let config = config(linux, "").replace(
        r#""args""#,
        r#""capabilities": {"permitted": ["CAP_SYS_BOOT"], "effective": ["CAP_SYS_BOOT"]}, "args""#,
    );
    let spec: Spec = serde_json::from_str(&config).unwrap();
    let facts = Facts { permitted: 0 };
    let plan = Plan::build(&spec, Path::new("/b"), &Options::default(), &facts).unwrap();
    assert_eq!(plan.process.identity.capabilities.effective, 1 << 22);
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    let hosts: Vec<_> = plan.devices.iter().map(|device| device.host.as_deref()).collect();
    assert_eq!((hosts.first(), hosts.last()), (Some(&Some(c"/dev/null")), Some(&None)));
}

#[test]
fn an_id_that_is_not_mapped_is_refused() {
    let linux = r#"{"namespaces": [{"type": "user"}],
        "uidMappings": [{"containerID": 0, "hostID": 9, "size": 50}],
        "gidMappings": [{"containerID": 0, "hostID": 9, "size": 8}]}"#;
    let refused = plan_of(&config(linux, ""), &Options::default()).unwrap_err().to_string();
    assert_eq!(refused, "process.user.gid: 8: not mapped in the user namespace: 0:9:8");
}

#[test]
fn every_option_that_features_names_is_no_parameter() {
    for option in mounts::options() {
        let mapped = r#""uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}],
                        "gidMappings": [{"containerID": 0, "hostID": 0, "size": 1}],"#;
        let (kind, maps) = match option.as_str() {
            "tmpcopyup" | "remount" => (r#""type": "tmpfs","#, ""),
            "idmap" | "ridmap" => (r#""type": "bind","#, mapped),
            _ => (r#""type": "bind","#, ""),
        };
        let mount = format!(
            r#"{{"destination": "/a", "source": "/x", {kind} {maps} "options": ["{option}"]}}"#
        );
        let plan = plan_of(&config(&namespaces(&ALL), &mount), &Options::default());
        let debug = format!("{:?}", plan.unwrap().mounts[0]);
        assert!(!debug.contains(&format!("{option:?}")), "{option}: {debug}");
    }
}
