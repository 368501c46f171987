//! What must be there before a test can say anything: privileges, a cgroup tree, programs.

use anyhow::{Context, Result, bail, ensure};
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, TMPFS_MAGIC, statfs};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::geteuid;
use std::env;
use std::path::{Path, PathBuf};

/// Fails unless containers can be made here.
pub(crate) fn check() -> Result<()> {
    ensure!(geteuid().is_root(), "these tests make containers: run them as root");
    ensure!(peapod()?.exists(), "no peapod at {:?}: build it, or set PEAPOD", peapod()?);
    cgroup_top().map(drop)
}

/// The program under test: `PEAPOD`, or what is built in release mode beside this test.
///
/// # Errors
///
/// When this test is not in a target directory.
pub fn peapod() -> Result<PathBuf> {
    from_environment("PEAPOD", || Ok(target()?.join("release/peapod")))
}

/// The program that tests run which other runtimes can be put to as well: `RUNTIME`, or `peapod`.
///
/// # Errors
///
/// When this test is not in a target directory.
pub fn runtime() -> Result<PathBuf> {
    from_environment("RUNTIME", peapod)
}

/// Whether what is tested is peapod itself, and not another runtime.
#[must_use]
pub fn is_peapod() -> bool {
    env::var_os("RUNTIME").is_none()
}

/// Whether tests may take as long as they like: `PEAPOD_LONG` is set, by `scripts/test.sh --all`.
#[must_use]
pub fn is_long() -> bool {
    env::var_os("PEAPOD_LONG").is_some()
}

/// A program of these tests, such as `ipc-probe`.
///
/// # Errors
///
/// When it is neither in `PEAPOD_TEST_PROGRAMS` nor built beside this test.
pub fn program(name: &str) -> Result<PathBuf> {
    let beside = || Ok(env::current_exe()?.parent().context("no directory")?.with_file_name(""));
    let mut tried = Vec::new();
    for directory in [from_environment("PEAPOD_TEST_PROGRAMS", beside)?, beside()?] {
        let path = directory.join(name);
        if path.exists() {
            return Ok(path);
        }
        tried.push(path);
    }
    bail!("{name} is at none of {tried:?}: build it, or set PEAPOD_TEST_PROGRAMS")
}

/// A bundle of the samples, with the root file system that `scripts/bundles.sh` makes.
pub(crate) fn sample(name: &str) -> Result<PathBuf> {
    let own = || Ok(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("bundles"));
    let bundle = from_environment("PEAPOD_BUNDLES", own)?.join(name);
    let busybox = bundle.join("rootfs/bin/busybox");
    ensure!(busybox.exists(), "{busybox:?} is missing: run scripts/bundles.sh");
    Ok(bundle)
}

/// Where roots and bundles are made: in memory if that can be, since hundreds of small root file
/// systems come and go.
pub(crate) fn scratch() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    let is_tmpfs = statfs(&shm).is_ok_and(|found| found.filesystem_type() == TMPFS_MAGIC);
    let may_execute = statvfs(&shm).is_ok_and(|found| !found.flags().contains(FsFlags::ST_NOEXEC));
    if env::var_os("TMPDIR").is_none() && is_tmpfs && may_execute { shm } else { env::temp_dir() }
}

/// Where the cgroup v2 tree is mounted.
pub(crate) fn cgroup_top() -> Result<PathBuf> {
    for path in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
        if statfs(path).is_ok_and(|found| found.filesystem_type() == CGROUP2_SUPER_MAGIC) {
            return Ok(PathBuf::from(path));
        }
    }
    bail!("no cgroup v2 tree at /sys/fs/cgroup: run these tests by scripts/test.sh")
}

/// Says that a test could not be done here, in the line that `scripts/test.sh` counts.
///
/// # Errors
///
/// When standard output is closed.
pub fn skipped(name: &str, reason: &str) -> Result<()> {
    use std::io::Write;
    // Not by `println!`, which the test runner keeps to itself unless the test fails.
    Ok(writeln!(std::io::stdout(), "skipped: {name}: {reason}")?)
}

fn target() -> Result<PathBuf> {
    let test = env::current_exe()?;
    Ok(test.ancestors().nth(3).context("this test is in no target directory")?.to_owned())
}

fn from_environment(name: &str, otherwise: impl Fn() -> Result<PathBuf>) -> Result<PathBuf> {
    env::var_os(name).map_or_else(otherwise, |path| Ok(PathBuf::from(path)))
}
