//! Processes that were more than config.json says.

use crate::{gone, output};
use anyhow::{Context, Result};
use serde_json::json;
use std::fs;
use tests::{Root, field_of, runtime};

#[test]
fn cve_2019_5736_the_runtime_is_no_program_of_a_container() -> Result<()> {
    let root = Root::new()?;
    let before = fs::read(runtime()?)?;
    let script = root.bundle(&["script"])?.with_file("bin/script", "#!/proc/self/exe\n")?;
    for bundle in [root.bundle(&["/proc/self/exe"])?, script] {
        // It may run, and print how it is used; it must not do anything.
        output(&root, &bundle.as_root(&["CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]))?;
        assert!(fs::read(runtime()?)? == before);
    }
    Ok(())
}

#[test]
fn cve_2024_21626_the_working_directory_is_no_descriptor_of_the_host() -> Result<()> {
    let root = Root::new()?;
    for number in 3..16 {
        for tail in ["", "/../../.."] {
            let cwd = format!("/proc/self/fd/{number}{tail}");
            let bundle = root.shell("pwd; ls /proc/self/cwd/")?.as_root(&[]);
            let output = output(&root, &bundle.with("/process/cwd", cwd.as_str()))?;
            let listed = output.unwrap_or_default();
            assert!(!listed.contains("unreachable"), "{cwd}: {listed}");
            assert!(!listed.contains("cgroup.procs") && !listed.contains("boot"), "{listed}");
        }
    }
    Ok(())
}

#[test]
fn cve_2024_21626_a_program_is_no_file_behind_a_descriptor_of_the_host() -> Result<()> {
    let root = Root::new()?;
    let canary = "/../../../../../../bin/bash";
    for number in 3..16 {
        let program = format!("/proc/self/fd/{number}{canary}");
        let bundle = root.bundle(&[&program, "-c", "echo escaped"])?.as_root(&[]);
        assert_eq!(output(&root, &bundle)?.unwrap_or_default(), "", "{program}");
    }
    Ok(())
}

#[test]
fn cve_2024_21626_a_descriptor_that_the_caller_leaks_does_not_get_in() -> Result<()> {
    let root = Root::new()?;
    let bundle = root.shell("ls -l /proc/self/fd; ls /proc/self/fd/77/; true")?.as_root(&[]);
    bundle.write()?;
    let path = bundle.path().to_string_lossy().into_owned();
    let output = root.file("output");
    let script = format!("exec 77</etc; exec \"$@\" >{}", output.display());
    root.start_by_shell(&script, &["create", "--bundle", &path, &root.id("c")])?.finish()?.ok()?;
    root.adopt_all()?;
    root.run(&["start", &root.id("c")])?.ok()?;
    root.reap_what_ends()?;
    let listed = fs::read_to_string(output)?;
    root.run(&["delete", "--force", &root.id("c")])?;
    assert!(!listed.is_empty() && !listed.contains("77") && !listed.contains("/etc"), "{listed}");
    Ok(())
}

#[test]
fn measured_an_id_of_32_ones_is_not_root() -> Result<()> {
    // setresuid(-1) succeeds and changes nothing. No CVE was found for it.
    let root = Root::new()?;
    for field in ["uid", "gid"] {
        let mut user = json!({ "uid": 1000, "gid": 1000 });
        user[field] = u32::MAX.into();
        let bundle = root.shell("id -u; id -g")?.with("/process/user", user);
        let output = output(&root, &bundle)?;
        assert_eq!(output, None, "{field}");
    }
    Ok(())
}

#[test]
fn cve_2024_40635_cve_2026_46680_large_ids_stay_what_they_are() -> Result<()> {
    let root = Root::new()?;
    for id in [2_147_483_648_u32, u32::MAX - 1] {
        let user = json!({ "uid": id, "gid": id });
        let bundle = root.shell("id -u; id -g")?.with("/process/user", user);
        let output = output(&root, &bundle)?.context("refused")?;
        assert_eq!(output, format!("{id}\n{id}\n"));
    }
    Ok(())
}

#[test]
fn youki_3434_a_set_of_capabilities_that_is_not_there_is_empty() -> Result<()> {
    let root = Root::new()?;
    let all = json!(["CAP_KILL", "CAP_CHOWN"]);
    let sets = [("bounding", "CapBnd"), ("permitted", "CapPrm"), ("effective", "CapEff")];
    for (left_out, _) in sets {
        // What is effective must be permitted, and what a program of root's gets is bounded.
        let mut capabilities = json!({});
        for (set, _) in sets.iter().filter(|(set, _)| left_out == "effective" && *set != left_out) {
            capabilities[*set] = all.clone();
        }
        let bundle = root.bundle(&["cat", "/proc/self/status"])?.as_root(&[]);
        let bundle = bundle
            .with("/process/user", json!({ "uid": 1000, "gid": 1000 }))
            .with("/process/capabilities", capabilities);
        let Some(status) = output(&root, &bundle)? else { continue };
        let fields = sets.iter().filter(|(set, _)| *set == left_out);
        for (_, field) in fields {
            assert_eq!(field_of(&status, field)?, "0000000000000000", "{left_out}");
        }
    }
    Ok(())
}

#[test]
fn ghsa_5g49_rx9x_qfc6_a_cgroup_path_stays_below_the_top() -> Result<()> {
    let root = Root::new()?;
    let name = root.id("escaped");
    let bundle = root.bundle(&["sleep", "1000"])?;
    let bundle = bundle.with("/linux/cgroupsPath", format!("/../../../{name}"));
    let created = root.create("c", &bundle);
    for top in ["/", "/sys/", "/sys/fs/"] {
        assert!(!std::path::Path::new(top).join(&name).exists(), "{top}{name}");
    }
    if let Ok(container) = created {
        gone(&container)?;
    }
    Ok(())
}

#[test]
fn cve_2021_43784_what_is_long_is_not_less() -> Result<()> {
    let root = Root::new()?;
    let path = format!("/proc/self/ns/{}", "x".repeat(70 << 10));
    let bundle = root.bundle(&["true"])?.with_namespace("network", Some(&path));
    assert_eq!(output(&root, &bundle)?, None);
    Ok(())
}

/// In CRIU's own notation, `mnt[PLACE]:SOURCE`, such a place names another mount.
#[test]
fn cve_2026_119101_cve_2026_115520_cve_2026_119614_a_place_that_names_another_to_criu_is_refused()
-> Result<()> {
    let root = Root::new()?;
    let bundle = root.bundle(&["sleep", "1000"])?.with_mount("bind", "/", "/a]:/b", &["bind"]);
    let container = root.start_container("c", &bundle)?;
    let images = root.file("images");
    let images = images.to_str().context("a path")?;
    let output = container.run(&["checkpoint", "--image-path", images], &[])?;
    assert!(!output.status.success() && output.stderr.contains("/a]:/b"), "{output:?}");
    assert_eq!(container.status()?, "running");
    container.delete(&["--force"])
}
