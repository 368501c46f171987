//! Groups of the host's hierarchy. Without the right to make groups there, most of these tests have
//! nothing to look at and end at once.

use super::create::NewCgroup;
use super::*;
use crate::plan::cgroup::{CgroupPlan, Controller, Missing, Write};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A group of its own for each test, gone at the end.
struct Place {
    hierarchy: Hierarchy,
    path: String,
}

impl Place {
    fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = format!("/peapod-test-{}-{number}", std::process::id());
        let hierarchy = Hierarchy::open().ok()?;
        match hierarchy.create(&path, &CgroupPlan::default()) {
            Ok(made) => drop(made),
            Err(error) => {
                let Error::Kernel { source, .. } = &error else { panic!("{error}") };
                assert!(matches!(source.errno(), Errno::EACCES | Errno::EROFS), "{error}");
                return None;
            }
        }
        Some(Self { hierarchy, path })
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    fn make(&self, name: &str) -> Cgroup {
        self.try_make(name).unwrap().keep()
    }

    fn try_make(&self, name: &str) -> Result<NewCgroup> {
        self.hierarchy.create(&self.path(name), &CgroupPlan::default())
    }

    fn exists(&self, path: &str) -> bool {
        file::open_beneath(self.hierarchy.root.as_fd(), &relative(path), OFlag::O_PATH).is_ok()
    }

    fn offers(&self, controller: &str) -> bool {
        let offer = read(self.hierarchy.root.as_fd(), c"cgroup.controllers").unwrap();
        offer.split_whitespace().any(|name| name == controller)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let names = Names::parse(&self.path).unwrap();
        let root = self.hierarchy.root.try_clone().unwrap();
        if let Ok(cgroup) = Cgroup::open(root, &names) {
            cgroup.kill().unwrap();
            cgroup.remove(soon()).unwrap();
        }
    }
}

/// A process in a group, killed and reaped at the end.
struct Sleeper(Child);

impl Sleeper {
    fn in_group(cgroup: &Cgroup) -> Self {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        write(cgroup.fd(), c"cgroup.procs", &child.id().to_string()).unwrap();
        Self(child)
    }

    fn pid(&self) -> i32 {
        self.0.id().try_into().unwrap()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn errno(error: &Error) -> Option<Errno> {
    if let Error::Kernel { source, .. } = error { Some(source.errno()) } else { None }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

fn limit(file: &str, value: &str, field: &str) -> Write {
    let if_missing = Missing::Refuse;
    Write { file: file.into(), value: value.into(), field: field.into(), if_missing }
}

#[test]
fn a_path_is_taken_from_the_root_and_has_a_name() {
    for (path, normal) in [("/a/b", "/a/b"), ("a//b/", "/a/b"), ("./a", "/a")] {
        assert_eq!(Names::parse(path).unwrap().path, normal);
    }
    for (path, reason) in [
        ("", "the root cgroup is not ours"),
        ("/.", "the root cgroup is not ours"),
        ("/a/../b", "must not contain .."),
        ("a\0", "contains a NUL byte"),
    ] {
        let line = format!("cgroup: {path:?}: {reason}");
        assert_eq!(Names::parse(path).unwrap_err().to_string(), line);
    }
}

#[test]
fn a_new_group_goes_away_with_what_was_made_for_it() {
    let Some(place) = Place::new() else { return };
    let new = place.try_make("a/b").unwrap();
    assert!(place.exists(&place.path("a/b")));
    let mut sleeper = Sleeper::in_group(&new);
    drop(new);
    assert!(!place.exists(&place.path));
    assert!(!sleeper.0.wait().unwrap().success());
}

#[test]
fn groups_that_others_are_in_stay() {
    let Some(place) = Place::new() else { return };
    let kept = place.make("pod/a");
    drop(place.try_make("pod/b").unwrap());
    assert!(place.exists(kept.path()));
    assert!(!place.exists(&place.path("pod/b")));
}

#[test]
fn a_group_that_exists_is_taken_if_nothing_is_in_it() {
    let Some(place) = Place::new() else { return };
    let kept = place.make("a");
    let taken = place.try_make("a").unwrap();
    assert!(taken.is_taken() && taken.id() == kept.id());
    // Somebody else has made it.
    drop(taken);
    assert!(place.exists(kept.path()));
    let message = |found| {
        let what = "container's cgroup is not empty";
        format!("cgroup {}: {what}: {found}", kept.path())
    };
    let below = place.make("a/below");
    let error = place.try_make("a").unwrap_err();
    assert_eq!(error.to_string(), message("group \"below\" found"));
    let _sleeper = Sleeper::in_group(&below);
    let error = place.try_make("a").unwrap_err();
    assert_eq!(error.to_string(), message("1 process(es) found"));
}

#[test]
fn a_group_is_found_by_its_path_and_id_only() {
    let Some(place) = Place::new() else { return };
    let kept = place.make("a");
    let (path, id) = (kept.path().to_owned(), kept.id());
    let found = |id| place.hierarchy.open_own(&path, id).unwrap().is_some();
    assert!(found(id));
    assert!(!found(id + 1));
    kept.remove(soon()).unwrap();
    assert!(!found(id));
    let other = place.make("a");
    assert!(!found(id));
    // A second removal leaves alone what is there now.
    kept.remove(soon()).unwrap();
    kept.kill().unwrap();
    kept.thaw().unwrap();
    assert!(!kept.is_populated().unwrap());
    assert_eq!(kept.processes().unwrap(), [0_i32; 0]);
    assert!(place.exists(other.path()));
}

#[test]
fn all_processes_are_killed_and_waited_for() {
    let Some(place) = Place::new() else { return };
    let (top, leaves) = (place.make("a"), [place.make("a/x"), place.make("a/y")]);
    assert!(!top.is_populated().unwrap());
    let sleepers = leaves.each_ref().map(Sleeper::in_group);
    let mut pids = sleepers.each_ref().map(Sleeper::pid);
    pids.sort_unstable();
    assert_eq!(top.processes().unwrap(), pids);
    let mut children = top.children().unwrap();
    children.sort();
    assert_eq!(children, ["x", "y"]);
    assert!(top.is_populated().unwrap());
    assert!(!top.wait_until_empty(Instant::now()).unwrap());
    top.kill().unwrap();
    assert!(top.wait_until_empty(soon()).unwrap());
    top.remove(soon()).unwrap();
    assert!(!place.exists(top.path()));
}

#[test]
fn who_is_left_is_named() {
    let Some(place) = Place::new() else { return };
    let cgroup = place.make("a");
    let sleeper = Sleeper::in_group(&cgroup);
    let error = cgroup.remove(Instant::now()).unwrap_err().to_string();
    let (path, pid) = (cgroup.path(), sleeper.pid());
    let expected = format!("cgroup {path} cannot be removed: it still has process {pid} (\"");
    assert!(error.starts_with(&expected), "{error}");
    assert!(error.contains("\", state "), "{error}");
}

#[test]
fn removal_waits_for_the_last_process() {
    let Some(place) = Place::new() else { return };
    let cgroup = place.make("a");
    let sleeper = Sleeper::in_group(&cgroup);
    let ended = std::thread::spawn(move || drop(sleeper));
    cgroup.remove(soon()).unwrap();
    ended.join().unwrap();
    assert!(!place.exists(cgroup.path()));
}

#[test]
fn a_deep_tree_and_a_wide_one_are_removed() {
    let Some(place) = Place::new() else { return };
    let top = place.make("a");
    let mut dir = file::open_beneath(top.fd(), c".", OFlag::O_PATH).unwrap();
    // Deeper than a path can be long.
    for _ in 0..80 {
        let name = CString::new("x".repeat(60)).unwrap();
        file::mkdirat(dir.as_fd(), &name, 0o755).unwrap();
        dir = file::open_beneath(dir.as_fd(), &name, OFlag::O_PATH).unwrap();
    }
    for number in 0..50 {
        let name = CString::new(number.to_string()).unwrap();
        file::mkdirat(top.fd(), &name, 0o755).unwrap();
    }
    top.remove(soon()).unwrap();
    assert!(!place.exists(top.path()));
}

#[test]
fn processes_are_frozen_and_thawed() {
    let Some(place) = Place::new() else { return };
    let cgroup = place.make("a");
    let _sleeper = Sleeper::in_group(&cgroup);
    assert!(!cgroup.is_frozen().unwrap());
    assert!(cgroup.freeze(soon()).unwrap());
    assert!(cgroup.is_frozen().unwrap());
    cgroup.thaw().unwrap();
    assert!(!cgroup.is_frozen().unwrap());
    assert!(cgroup.freeze(soon()).unwrap());
    cgroup.kill().unwrap();
    assert!(cgroup.wait_until_empty(soon()).unwrap(), "SIGKILL needs no thaw");
}

#[test]
fn a_group_above_may_be_removed_at_any_moment() {
    let Some(place) = Place::new() else { return };
    let create_and_remove = |name: &'static str| {
        let path = place.path("shared");
        move || {
            let hierarchy = Hierarchy::open().unwrap();
            let shared = relative(&path);
            for _ in 0..300 {
                let new = hierarchy.create(&format!("{path}/{name}"), &CgroupPlan::default());
                let kept = new.unwrap().keep();
                kept.remove(soon()).unwrap();
                let _ = file::rmdirat(hierarchy.root.as_fd(), &shared);
            }
        }
    };
    let threads = ["a", "b", "c"].map(|name| std::thread::spawn(create_and_remove(name)));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn the_default_parent_goes_with_the_last_group() {
    let Some(place) = Place::new() else { return };
    let path = format!("{DEFAULT_PARENT}{}", place.path);
    let cgroup = place.hierarchy.create(&path, &CgroupPlan::default()).unwrap().keep();
    cgroup.remove(soon()).unwrap();
    assert!(!place.exists(&path));
    let names = Names::parse(DEFAULT_PARENT).unwrap();
    let root = place.hierarchy.root.try_clone().unwrap();
    if let Ok(parent) = Cgroup::open(root, &names) {
        assert_ne!(parent.children().unwrap(), [] as [&str; 0], "others are in it");
    }
}

#[test]
fn a_group_in_a_threaded_one_is_refused() {
    let Some(place) = Place::new() else { return };
    let top = place.make("top");
    file::mkdirat(top.fd(), c"threaded", 0o755).unwrap();
    let threaded = file::open_beneath(top.fd(), c"threaded", OFlag::O_PATH).unwrap();
    write(threaded.as_fd(), c"cgroup.type", "threaded").unwrap();
    let expected = format!(
        "linux.cgroupsPath: {:?}: cannot enter cgroupv2 with domain controllers -- it is in domain \
         threaded mode",
        top.path()
    );
    assert_eq!(place.try_make("top/x").unwrap_err().to_string(), expected);
    let error = place.try_make("top/threaded/x").unwrap_err().to_string();
    assert!(error.contains("threaded mode"), "{error}");
    assert_eq!(top.children().unwrap(), ["threaded"]);
    assert!(tree::children(threaded.as_fd()).unwrap().is_empty());
}

#[test]
fn a_group_that_would_stop_its_first_process_is_refused() {
    let Some(place) = Place::new() else { return };
    let parent = place.make("parent");
    assert!(parent.freeze(soon()).unwrap());
    let error = place.try_make("parent/a").unwrap_err().to_string();
    let path = place.path("parent/a");
    let message = "container's cgroup unexpectedly frozen: a group above it is";
    assert_eq!(error, format!("cgroup {path}: {message}"));
    assert!(!place.exists(&path));
    write(parent.fd(), c"cgroup.max.descendants", "0").unwrap();
    let error = place.try_make("parent/a").unwrap_err();
    assert_eq!(errno(&error), Some(Errno::EAGAIN));
    let expected = format!("making cgroup {path} (a group above it allows no more)");
    assert!(error.to_string().starts_with(&expected), "{error}");
}

/// A plan that needs one controller.
fn plan(name: &'static str, early: Vec<Write>) -> CgroupPlan {
    let controllers = vec![Controller { name, field: "linux.resources.x".into() }];
    CgroupPlan { controllers, early, ..CgroupPlan::default() }
}

#[test]
fn a_limit_is_set_or_its_controller_is_named() {
    let Some(place) = Place::new() else { return };
    let early = vec![
        limit("cpu.max.burst", "2000", "linux.resources.cpu.burst"),
        limit("cpu.max", "5000 10000", "linux.resources.cpu.quota"),
    ];
    let made = place.hierarchy.create(&place.path("a"), &plan("cpu", early));
    if !place.offers("cpu") {
        let line = made.unwrap_err().to_string();
        let expected = "linux.resources.x: needs the cgroup controller cpu, which this host ";
        assert!(line.starts_with(expected), "{line}");
        assert!(!place.exists(&place.path));
        return;
    }
    let cgroup = made.unwrap();
    assert_eq!(read(cgroup.fd(), c"cpu.max").unwrap(), "5000 10000\n");
    assert_eq!(read(cgroup.fd(), c"cpu.max.burst").unwrap(), "2000\n");
    // Each order of the two is refused at first: the burst above the old quota, the quota below it.
    for (quota, burst) in [("50000 100000", "40000"), ("3000 10000", "1000")] {
        let limits = [limit("cpu.max.burst", burst, "x"), limit("cpu.max", quota, "x")];
        cgroup.write_all(&limits).unwrap();
        assert_eq!(read(cgroup.fd(), c"cpu.max").unwrap().trim(), quota);
        assert_eq!(read(cgroup.fd(), c"cpu.max.burst").unwrap().trim(), burst);
    }
    let error = cgroup.write(&limit("cpu.max", "x", "linux.resources.y")).unwrap_err();
    assert_eq!(errno(&error), Some(Errno::EINVAL));
    let path = cgroup.path();
    let expected = format!("linux.resources.y: writing \"x\" to cpu.max of cgroup {path}");
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert_eq!(cgroup.oom_kills().unwrap(), 0);
}

#[test]
fn a_parent_with_processes_hands_down_no_controllers() {
    let Some(place) = Place::new() else { return };
    let parent = place.make("parent");
    let _sleeper = Sleeper::in_group(&parent);
    let limited = place.hierarchy.create(&place.path("parent/a"), &plan("pids", Vec::new()));
    if !place.offers("pids") {
        return;
    }
    let expected = format!(
        "linux.resources.x: needs the cgroup controller pids, which the kernel hands down from \
         cgroup {} only when that has no processes of its own",
        parent.path()
    );
    assert_eq!(limited.unwrap_err().to_string(), expected);
    // Without a limit the group is as good as any.
    assert_eq!(read(parent.fd(), c"cgroup.subtree_control").unwrap().trim(), "");
    assert!(place.try_make("parent/a").is_ok());
    assert_eq!(read(parent.fd(), c"cgroup.type").unwrap(), "domain\n");
}
