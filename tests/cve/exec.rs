//! Processes that come into a container later.

use crate::outside;
use anyhow::Result;
use tests::{Bundle, Container, Root, field_of};

fn running<'r>(root: &'r Root, bundle: &Bundle) -> Result<Container<'r>> {
    root.start_container("c", bundle)
}

/// `exec` on a container: options before its id, the program after.
fn exec(container: &Container<'_>, options: &[&str], args: &[&str]) -> Result<Option<String>> {
    let output = container.exec(options, args)?;
    Ok(output.status.success().then_some(output.stdout))
}

/// A container whose program attacks whoever comes near.
fn attacked<'r>(root: &'r Root, mode: &str) -> Result<Container<'r>> {
    let canary = outside(root)?.join("canary").to_string_lossy().into_owned();
    let container = running(root, &attacker(root, mode, &canary)?)?;
    container.says("ready")?;
    Ok(container)
}

pub(crate) fn attacker(root: &Root, mode: &str, canary: &str) -> Result<Bundle> {
    let bundle = root.bundle(&["/bin/sh", "-c", &format!("attacker {mode} {canary}; true")])?;
    Ok(bundle.with_program("attacker")?.as_root(&["CAP_SYS_PTRACE", "CAP_SYS_ADMIN"]))
}

#[test]
fn cve_2016_9962_exec_shows_nothing_of_the_host() -> Result<()> {
    let root = Root::new()?;
    let container = attacked(&root, "snoop")?;
    for _ in 0..times() {
        container.exec(&[], &["true"])?.ok()?;
    }
    let said = container.says("ready")?;
    container.run(&["delete", "--force"], &[])?;
    assert!(!said.contains("reached"), "{said}");
    Ok(())
}

#[test]
fn cve_2019_5736_what_exec_runs_from_cannot_be_written() -> Result<()> {
    let root = Root::new()?;
    let container = attacked(&root, "grab")?;
    for _ in 0..times() / 4 {
        container.exec(&[], &["true"])?.ok()?;
    }
    let said = container.says("ready")?;
    container.run(&["delete", "--force"], &[])?;
    assert!(!said.contains("reached"), "{said}");
    Ok(())
}

fn times() -> usize {
    if tests::is_long() { 1000 } else { 60 }
}

#[test]
fn cve_2022_29162_cve_2022_27650_cve_2025_27612_no_capability_is_inheritable() -> Result<()> {
    let root = Root::new()?;
    let container = running(&root, &root.bundle(&["sleep", "1000"])?)?;
    let status = exec(&container, &["--cap", "CAP_NET_RAW"], &["cat", "/proc/self/status"])?;
    assert_eq!(field_of(&status.unwrap_or_default(), "CapInh")?, "0000000000000000");
    Ok(())
}

#[test]
fn cve_2024_21626_exec_has_no_working_directory_of_the_host() -> Result<()> {
    let root = Root::new()?;
    let container = running(&root, &root.bundle(&["sleep", "1000"])?.as_root(&[]))?;
    for number in 3..16 {
        for tail in ["", "/../../.."] {
            let cwd = format!("/proc/self/fd/{number}{tail}");
            let listed = exec(&container, &["--cwd", &cwd], &["ls", "/proc/self/cwd/"])?;
            let listed = listed.unwrap_or_default();
            assert!(!listed.contains("cgroup.procs") && !listed.contains("boot"), "{listed}");
        }
    }
    Ok(())
}

#[test]
fn cve_2026_30892_a_user_without_a_group_is_that_user() -> Result<()> {
    let root = Root::new()?;
    let container = running(&root, &root.bundle(&["sleep", "1000"])?)?;
    let uid = |user: &str| exec(&container, &["--user", user], &["id", "-u"]);
    assert_eq!(uid("1")?.as_deref(), Some("1\n"));
    assert_eq!(uid("1:2")?.as_deref(), Some("1\n"));
    Ok(())
}

#[test]
fn measured_a_user_that_is_none_is_not_root() -> Result<()> {
    let root = Root::new()?;
    let container = running(&root, &root.bundle(&["sleep", "1000"])?)?;
    for user in ["x", "-1", "4294967295", "4294967296"] {
        // To refuse it is right; to run as root is not.
        let uid = exec(&container, &["--user", user], &["id", "-u"])?;
        assert_ne!(uid.as_deref(), Some("0\n"), "{user}");
    }
    Ok(())
}

#[test]
fn ghsa_5g49_rx9x_qfc6_exec_joins_no_cgroup_beside_the_container() -> Result<()> {
    let root = Root::new()?;
    let container = running(&root, &root.bundle(&["sleep", "1000"])?)?;
    let sibling = format!("{}x", container.cgroup()?.path().display());
    std::fs::create_dir(&sibling)?;
    let name = sibling.rsplit('/').next().unwrap_or_default();
    let mut entered = Vec::new();
    for path in [format!("../{name}"), "/../..".to_owned(), "../../..".to_owned()] {
        let output = exec(&container, &["--cgroup", &path], &["cat", "/proc/self/cgroup"])?;
        entered.extend(output.filter(|text| !text.contains("0::/\n")));
    }
    std::fs::remove_dir(&sibling)?;
    assert_eq!(entered, Vec::<String>::new());
    Ok(())
}
