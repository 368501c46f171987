//! features.md and features-linux.md: what the document names is used.

use super::{document, names};
use crate::{map, output, shared, with_user_namespace};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use tests::{Agent, Bundle, Root, field_of};

/// Makes sure that a container of that bundle can be started.
fn starts(what: &str, change: impl FnOnce(Bundle) -> Result<Bundle>) -> Result<()> {
    let root = Root::new()?;
    let bundle = change(root.shell("exec true")?.as_root(&[])).context(what.to_owned())?;
    root.start_container("c", &bundle).context(what.to_owned()).map(drop)
}

#[test]
fn hooks_are_called() -> Result<()> {
    let root = Root::new()?;
    let directory = shared(&root)?;
    let kinds = names("/hooks")?;
    ensure!(!kinds.is_empty(), "there are none");
    let mut bundle = root.shell("true")?.with_mount("none", &directory, &directory, &["bind"]);
    for kind in &kinds {
        let text = format!("touch {directory}/{kind}");
        let hook = json!([{ "path": "/bin/sh", "args": ["sh", "-c", text],
            "env": ["PATH=/usr/bin:/bin"] }]);
        bundle = bundle.with(&format!("/hooks/{kind}"), hook);
    }
    let container = root.start_container("c", &bundle)?;
    container.wait()?;
    container.delete(&[])?;
    for kind in &kinds {
        ensure!(fs::exists(format!("{directory}/{kind}"))?, "{kind} was not called");
    }
    Ok(())
}

/// A mount that the option makes sense for.
fn with_option(bundle: Bundle, option: &str) -> Result<Bundle> {
    let bound = |bundle: Bundle| bundle.with_mount("none", "/etc", "/tmp", &["bind", option]);
    Ok(match option {
        "bind" | "rbind" => bundle.with_mount("none", "/etc", "/tmp", &[option]),
        "remount" => bundle.with_mount("tmpfs", "tmpfs", "/tmp", &[]).with_mount(
            "tmpfs",
            "tmpfs",
            "/tmp",
            &[option],
        ),
        "idmap" | "ridmap" => {
            let own = bundle.path().join("own");
            fs::create_dir_all(&own)?;
            bundle.with(
                "/mounts/-",
                json!({ "destination": "/tmp", "source": own, "options": ["rbind", option],
                    "uidMappings": map(0, 1000), "gidMappings": map(0, 1000) }),
            )
        }
        "copy-symlink" | "src-nofollow" | "dest-nofollow" => bound(bundle),
        _ => bundle.with_mount("tmpfs", "tmpfs", "/tmp", &[option]),
    })
}

#[test]
fn mount_options_are_recognised() -> Result<()> {
    let options = names("/mountOptions")?;
    ensure!(!options.is_empty(), "there are none");
    for option in options {
        starts(&option, |bundle| with_option(bundle, &option))?;
    }
    Ok(())
}

#[test]
fn mount_options_are_none_of_a_file_system() -> Result<()> {
    for option in names("/mountOptions")? {
        ensure!(!option.contains('=') && option != "size" && option != "mode", "{option}");
    }
    Ok(())
}

#[test]
fn namespaces_are_made() -> Result<()> {
    let kinds = names("/linux/namespaces")?;
    ensure!(!kinds.is_empty(), "there are none");
    for kind in kinds {
        let file = match kind.as_str() {
            "network" => "net",
            "mount" => "mnt",
            other => other,
        };
        let root = Root::new()?;
        let bundle = root.shell("exec sleep 1000")?.as_root(&[]);
        let bundle = match kind.as_str() {
            "user" => with_user_namespace(bundle, 100_000)?,
            _ => bundle.with_namespace(&kind, None),
        };
        let container = root.start_container("c", &bundle).context(kind.clone())?;
        let own = fs::read_link(format!("/proc/self/ns/{file}"))?;
        ensure!(container.namespace(file)? != own.to_string_lossy(), "{kind}");
    }
    Ok(())
}

#[test]
fn capabilities_are_given() -> Result<()> {
    let names = names("/linux/capabilities")?;
    ensure!(!names.is_empty(), "there are none");
    let seen = output("cat /proc/self/status", |bundle| {
        bundle.with("/process/capabilities", json!({ "bounding": names }))
    })?;
    let mask = |status: &str| -> Result<u64> {
        Ok(u64::from_str_radix(&field_of(status, "CapBnd")?, 16)?)
    };
    let own = mask(&fs::read_to_string("/proc/self/status")?)?;
    ensure!(mask(&seen)? == own, "{:x} of {own:x}", mask(&seen)?);
    Ok(())
}

#[test]
fn cgroup_v2_is_used() -> Result<()> {
    ensure!(document()?["linux"]["cgroup"]["v2"] == true, "not claimed");
    let root = Root::new()?;
    let container = root.start_container("c", &root.shell("exec sleep 1000")?)?;
    ensure!(container.cgroup()?.exists());
    Ok(())
}

fn rule(fields: &Value) -> Value {
    let mut rule = json!({ "names": ["mkdir", "mkdirat"] });
    for (name, value) in fields.as_object().into_iter().flatten() {
        rule[name] = value.clone();
    }
    json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule] })
}

#[test]
fn seccomp_actions_are_recognised() -> Result<()> {
    let actions = names("/linux/seccomp/actions")?;
    ensure!(!actions.is_empty(), "there are none");
    for action in actions {
        let root = Root::new()?;
        let mut seccomp = rule(&json!({ "action": action }));
        let socket = root.file("agent");
        let _agent = Agent::listen(&socket)?;
        if action == "SCMP_ACT_NOTIFY" {
            seccomp["listenerPath"] = json!(socket);
        }
        let bundle = root.shell("exec true")?.with("/linux/seccomp", seccomp);
        root.start_container("c", &bundle).context(action)?;
    }
    Ok(())
}

#[test]
fn seccomp_operators_are_recognised() -> Result<()> {
    let operators = names("/linux/seccomp/operators")?;
    ensure!(!operators.is_empty(), "there are none");
    for op in operators {
        let argument = json!({ "index": 1, "value": 0o1777, "valueTwo": 0, "op": op });
        let seccomp = rule(&json!({ "action": "SCMP_ACT_ERRNO", "args": [argument] }));
        starts(&op, |bundle| Ok(bundle.with("/linux/seccomp", seccomp)))?;
    }
    Ok(())
}

/// Makes sure of a list of names that each can stand in a list of `linux.seccomp`.
fn in_seccomp(pointer: &str, field: &str) -> Result<()> {
    let all = names(pointer)?;
    ensure!(!all.is_empty(), "there are none");
    for name in all {
        let mut seccomp = rule(&json!({ "action": "SCMP_ACT_ERRNO" }));
        seccomp[field] = json!([name]);
        if name.ends_with("WAIT_KILLABLE_RECV") {
            // It says how a notification is waited for.
            continue;
        }
        if field == "architectures" {
            // This machine's own is needed for the program to do anything.
            seccomp[field] = json!(["SCMP_ARCH_X86_64", name]);
        }
        starts(&name, |bundle| Ok(bundle.with("/linux/seccomp", seccomp)))?;
    }
    Ok(())
}

#[test]
fn seccomp_archs_are_recognised() -> Result<()> {
    in_seccomp("/linux/seccomp/archs", "architectures")
}

#[test]
fn seccomp_known_flags_are_recognised() -> Result<()> {
    in_seccomp("/linux/seccomp/knownFlags", "flags")
}

#[test]
fn seccomp_supported_flags_are_supported() -> Result<()> {
    in_seccomp("/linux/seccomp/supportedFlags", "flags")
}

#[test]
fn seccomp_waits_killably_where_it_says_so() -> Result<()> {
    const FLAG: &str = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV";
    if !names("/linux/seccomp/supportedFlags")?.iter().any(|name| name == FLAG) {
        let test = "features::claims::seccomp_waits_killably_where_it_says_so";
        return tests::skipped(test, "it does not say so");
    }
    let root = Root::new()?;
    let socket = root.file("agent");
    let _agent = Agent::listen(&socket)?;
    let mut seccomp = rule(&json!({ "action": "SCMP_ACT_NOTIFY" }));
    seccomp["listenerPath"] = json!(socket);
    seccomp["flags"] = json!([FLAG]);
    let bundle = root.shell("exec true")?.with("/linux/seccomp", seccomp);
    root.start_container("c", &bundle).map(drop)
}

#[test]
fn memory_policy_modes_are_recognised() -> Result<()> {
    let modes = names("/linux/memoryPolicy/modes")?;
    ensure!(!modes.is_empty(), "there are none");
    for mode in modes {
        let mut policy = json!({ "mode": mode, "nodes": "0" });
        if ["MPOL_DEFAULT", "MPOL_LOCAL"].contains(&mode.as_str()) {
            policy = json!({ "mode": mode });
        }
        starts(&mode, |bundle| Ok(bundle.with("/linux/memoryPolicy", policy)))?;
    }
    Ok(())
}

#[test]
fn memory_policy_flags_are_recognised() -> Result<()> {
    let flags = names("/linux/memoryPolicy/flags")?;
    ensure!(!flags.is_empty(), "there are none");
    for flag in flags {
        let policy = json!({ "mode": "MPOL_BIND", "nodes": "0", "flags": [flag] });
        starts(&flag, |bundle| Ok(bundle.with("/linux/memoryPolicy", policy)))?;
    }
    Ok(())
}

#[test]
fn idmapped_mounts_are_made() -> Result<()> {
    ensure!(document()?["linux"]["mountExtensions"]["idmap"]["enabled"] == true, "not claimed");
    starts("idmap", |bundle| with_option(bundle, "idmap"))
}

#[test]
fn intel_rdt_that_is_not_claimed_is_refused() -> Result<()> {
    let document = document()?;
    let is_mounted = fs::read_to_string("/proc/mounts")?.contains(" resctrl ");
    if is_mounted || document["linux"]["intelRdt"]["enabled"] == true {
        let test = "features::claims::intel_rdt_that_is_not_claimed_is_refused";
        return tests::skipped(test, "it is claimed");
    }
    crate::refuses(|bundle| bundle.with("/linux/intelRdt", json!({ "closID": "peas" })))
}

#[test]
fn apparmor_that_is_claimed_is_not_ignored() -> Result<()> {
    ensure!(document()?["linux"]["apparmor"]["enabled"] == true, "not claimed");
    // Where there is none, a profile cannot be applied; where there is, this one cannot either.
    crate::refuses(|bundle| bundle.with("/process/apparmorProfile", "peapod-of-no-host"))
}

#[test]
fn annotations_are_texts() -> Result<()> {
    let document = document()?;
    for (name, value) in document["annotations"].as_object().into_iter().flatten() {
        ensure!(!name.is_empty() && value.is_string(), "{name}: {value}");
    }
    Ok(())
}
