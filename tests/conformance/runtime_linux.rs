//! runtime-linux.md.

use crate::{output, shows};
use anyhow::{Context, Result, ensure};
use tests::{Bundle, Root};

#[test]
fn file_descriptors_are_the_standard_ones_alone() -> Result<()> {
    // A shell opens the directory that it lists as one more.
    let seen = output("for n in /proc/1/fd/*; do echo ${n##*/}; done", |bundle| {
        bundle.with("/process/args", ["find", "/proc/self/fd", "-mindepth", "1"])
    })?;
    let numbers: Vec<_> = seen.lines().filter_map(|line| line.rsplit('/').next()).collect();
    ensure!(numbers.starts_with(&["0", "1", "2"]) && numbers.len() <= 4, "{seen}");
    Ok(())
}

#[test]
fn file_descriptors_that_the_caller_leaves_open_do_not_get_in() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["find", "/proc/self/fd", "-mindepth", "1"])?;
    bundle.write()?;
    let path = bundle.path().to_str().context("a path")?;
    let args = ["run", "--bundle", path, &root.id("c")];
    let script = "exec 7</etc/hostname 88</; exec \"$@\"";
    let seen = root.start_by_shell(script, &args)?.finish()?.ok()?;
    ensure!(!seen.contains("/7\n") && !seen.contains("/88\n"), "{seen}");
    Ok(())
}

/// A test for each link.
macro_rules! links {
    ($($name:ident: $link:literal -> $target:literal;)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            shows(concat!("readlink ", $link), |bundle| bundle, $target)
        })*
    };
}

links! {
    dev_symbolic_links_fd: "/dev/fd" -> "/proc/self/fd";
    dev_symbolic_links_stdin: "/dev/stdin" -> "/proc/self/fd/0";
    dev_symbolic_links_stdout: "/dev/stdout" -> "/proc/self/fd/1";
    dev_symbolic_links_stderr: "/dev/stderr" -> "/proc/self/fd/2";
}

#[test]
fn dev_symbolic_links_are_made_after_the_mounts() -> Result<()> {
    let covered = |bundle: Bundle| bundle.with_mount("tmpfs", "tmpfs", "/dev", &["mode=755"]);
    shows("readlink /dev/fd", covered, "/proc/self/fd")
}
