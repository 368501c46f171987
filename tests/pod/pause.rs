//! What pause is given by its plan: nothing.

use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tests::{Root, Sandbox};

#[test]
fn it_has_no_privilege() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(pod.process.field(set)?, "0000000000000000", "{set}");
    }
    assert_eq!(pod.process.field("NoNewPrivs")?, "1");
    // SECCOMP_MODE_FILTER
    assert_eq!(pod.process.field("Seccomp")?, "2");
    let uid = pod.process.field("Uid")?;
    assert!(!uid.split_whitespace().any(|id| id == "0"), "{uid}");
    assert_eq!(pod.process.field("Groups")?, "");
    Ok(())
}

#[test]
fn it_has_one_descriptor_and_no_environment() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let mut held = Vec::new();
    for entry in fs::read_dir(file(&pod, "fd"))? {
        let entry = entry?;
        let target = fs::read_link(entry.path())?;
        held.push((entry.file_name(), target.to_string_lossy().into_owned()));
    }
    assert_eq!(held.len(), 1, "{held:?}");
    assert_eq!(held[0].0, "3");
    assert!(held[0].1.starts_with("socket:"), "{held:?}");
    assert_eq!(fs::read(file(&pod, "environ"))?, b"");
    assert_eq!(fs::read(file(&pod, "cmdline"))?, b"pause\x003\0");
    Ok(())
}

#[test]
fn its_root_is_empty_and_read_only() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    assert_eq!(names(&file(&pod, "root"))?, ["dev"]);
    assert_eq!(names(&file(&pod, "root/dev"))?, ["shm"]);
    let mounts = fs::read_to_string(file(&pod, "mountinfo"))?;
    let mounts: Vec<Vec<_>> = mounts.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(mounts.iter().map(|mount| mount[4]).collect::<Vec<_>>(), ["/", "/dev/shm"]);
    assert!(mounts[0][5].split(',').any(|option| option == "ro"), "{mounts:?}");
    assert!(fs::write(file(&pod, "root/file"), "").is_err());
    Ok(())
}

#[test]
fn it_is_executed_from_memory_and_cannot_be_looked_into() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let exe = fs::read_link(file(&pod, "exe"))?;
    assert!(exe.to_string_lossy().starts_with("/memfd:pause"), "{exe:?}");
    // proc_pid(5): what belongs to root although the process does not is that of one which is not
    // dumpable.
    assert_eq!(fs::metadata(file(&pod, "mem"))?.uid(), 0);
    Ok(())
}

#[test]
fn a_signal_from_a_container_does_not_end_it() -> Result<()> {
    let root = Root::new()?;
    let pod = root.sandbox("pod", &[])?;
    let script = "for s in 1 2 3 9 15 34; do kill -$s 1; done; true";
    pod.output_of("c", &root.shell(script)?.as_root(&["CAP_KILL"]))?;
    // It hears what comes from outside, so it has heard all that came before.
    assert!(!pod.process.ends_within(std::time::Duration::ZERO)?);
    pod.output_of("d", &root.bundle(&["true"])?)?;
    Ok(())
}

fn file(pod: &Sandbox<'_>, name: &str) -> std::path::PathBuf {
    Path::new("/proc").join(pod.pid().to_string()).join(name)
}

fn names(directory: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    let mut names: Vec<_> = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    Ok(names)
}
