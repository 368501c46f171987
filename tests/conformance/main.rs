//! What the runtime specification 1.3.0 says, sentence by sentence: a module is a document and a
//! section of it, a test is one of its facts, in our words. Needs root.
//!
//! `RUNTIME=/usr/bin/runc` puts another runtime to the same tests; `scripts/conformance.sh` makes
//! TABLE.md of three. A test uses nothing of a runtime but what runc's command line has: `create`
//! with `--bundle`, `--pid-file` and `--console-socket`, `start`, `state`, `kill`, `delete` and
//! `exec`.

mod config;
mod config_linux;
mod features;
mod runtime;
mod runtime_linux;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use tests::{Bundle, Root};

/// A bundle that was changed, or could not be.
trait Changed {
    fn bundle(self) -> Result<Bundle>;
}

impl Changed for Bundle {
    fn bundle(self) -> Result<Bundle> {
        Ok(self)
    }
}

impl Changed for Result<Bundle> {
    fn bundle(self) -> Result<Bundle> {
        self
    }
}

/// What a shell script prints in a container, as root without capabilities, in a bundle that
/// `change` has changed.
fn output<B: Changed>(script: &str, change: impl FnOnce(Bundle) -> B) -> Result<String> {
    let root = Root::new()?;
    let bundle = change(root.shell(script)?.as_root(&[])).bundle()?;
    root.start_container("c", &bundle)?.output()
}

/// Makes sure that the script prints just these words.
fn shows<B: Changed>(script: &str, change: impl FnOnce(Bundle) -> B, expected: &str) -> Result<()> {
    let seen = output(script, change)?;
    let words: Vec<_> = seen.split_whitespace().collect();
    let expected: Vec<_> = expected.split_whitespace().collect();
    ensure!(words == expected, "{script:?} prints {seen:?}, not {expected:?}");
    Ok(())
}

/// Makes sure that a container of that bundle runs a program, which succeeds.
fn runs<B: Changed>(change: impl FnOnce(Bundle) -> B) -> Result<()> {
    shows("echo done", change, "done")
}

/// Makes sure that no container is made of that bundle.
fn refuses<B: Changed>(change: impl FnOnce(Bundle) -> B) -> Result<()> {
    let root = Root::new()?;
    let bundle = change(root.shell("true")?.as_root(&[])).bundle()?;
    let created = root.try_create("c", &bundle, &[])?;
    let id = root.id("c");
    let has_state = root.run(&["state", &id])?.status.success();
    root.adopt_all()?;
    root.run(&["delete", "--force", &id])?;
    ensure!(!created.status.success(), "it is accepted: {created:?}");
    ensure!(!has_state, "it is refused, and there is a container");
    Ok(())
}

/// The state of a container.
fn state(root: &Root, name: &str) -> Result<Value> {
    Ok(serde_json::from_str(&root.run(&["state", &root.id(name)])?.ok()?)?)
}

/// A directory of the host, for mounts and hooks, which everybody may write into.
fn shared(root: &Root) -> Result<String> {
    let directory = root.file("shared");
    fs::create_dir_all(&directory)?;
    fs::set_permissions(&directory, Permissions::from_mode(0o777))?;
    Ok(directory.to_str().context("a path")?.to_owned())
}

/// The same ids, from that one on.
fn map(container: u32, host: u32) -> Value {
    json!([{ "containerID": container, "hostID": host, "size": 65_536 }])
}

/// A user namespace whose root is that user of the host, who also owns the root file system.
fn with_user_namespace(bundle: Bundle, host: u32) -> Result<Bundle> {
    chown(bundle.rootfs(), Some(host), Some(host))?;
    Ok(bundle
        .with_namespace("user", None)
        .with("/linux/uidMappings", map(0, host))
        .with("/linux/gidMappings", map(0, host)))
}
