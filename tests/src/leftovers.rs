//! What is still there of containers that should be gone.

use crate::cgroup::Cgroup;
use crate::wait::DEADLINE;
use crate::{machine, process};
use anyhow::Result;
use std::fs;
use std::path::{Path, PathBuf};

/// Everything on this machine with `mark` in its name, or in the directory `state`.
pub(crate) fn find(mark: &str, state: &Path) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for entry in fs::read_dir(state)? {
        let entry = entry?;
        // No container's: which device programs the kernel was seen to have.
        if entry.file_name() != ".devices" {
            left.push(format!("state: {}", entry.path().display()));
        }
    }
    let cgroups = marked_directories(&machine::cgroup_top()?, mark);
    left.extend(cgroups.iter().map(|path| format!("cgroup: {}", path.display())));
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let marked = mounts.lines().filter(|line| line.contains(mark));
    left.extend(marked.map(|line| format!("mount: {line}")));
    for pid in processes(mark)? {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let name = process::field_of(&status, "Name").unwrap_or_default();
        let what = process::field_of(&status, "State").unwrap_or_default();
        left.push(format!("process: {pid} {name}, {what}"));
    }
    Ok(left)
}

/// The processes in cgroups with `mark` in their paths. A zombie is in its cgroup to the end.
pub(crate) fn processes(mark: &str) -> Result<Vec<i32>> {
    let is_marked = |pid: &i32| {
        // Gone meanwhile, or in a cgroup of that name.
        let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        cgroup.contains(mark)
    };
    Ok(process::all()?.into_iter().filter(is_marked).collect())
}

/// Removes the cgroups with `mark` in their names, and kills whatever a failed test has left there.
pub(crate) fn remove_cgroups(mark: &str) -> Result<()> {
    // Found from the top: those that are in another come after it.
    for path in marked_directories(&machine::cgroup_top()?, mark).iter().rev() {
        let cgroup = Cgroup::new(path.clone());
        cgroup.write("cgroup.kill", "1")?;
        cgroup.empties_within(DEADLINE)?;
        fs::remove_dir(path)?;
    }
    Ok(())
}

/// The directories with `mark` in their paths. Others make and remove containers meanwhile: what is
/// gone is passed over.
fn marked_directories(top: &Path, mark: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            if entry.path().to_string_lossy().contains(mark) {
                found.push(entry.path());
            }
            open.push(entry.path());
        }
    }
    found
}
