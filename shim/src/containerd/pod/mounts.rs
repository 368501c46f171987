//! What the containers of a pod share and containerd does not mount where a shim has the sandbox:
//! files of `/etc`, and `/dev/shm`.

use super::Sandbox;
use super::files::FILES;
use crate::ttrpc::{Code, Status};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const CONFIG: &str = "config.json";
const SHM: &str = "/dev/shm";

/// Mounts: where, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::containerd) struct Mounts {
    files: Vec<(String, PathBuf)>,
    shm: PathBuf,
}

impl Mounts {
    /// Those of the pod whose pause is `pid`.
    pub(in crate::containerd) fn of(sandbox: &Sandbox, pid: i32) -> Self {
        let files =
            FILES.map(|name| (format!("/etc/{name}"), sandbox.bundle.join(name))).into_iter();
        let shm = if sandbox.has_ipc_of_host() {
            PathBuf::from(SHM)
        } else {
            // In the mount namespace of pause, and gone with it.
            PathBuf::from(format!("/proc/{pid}/root{SHM}"))
        };
        Self { files: files.collect(), shm }
    }

    /// Adds those that the container in `bundle` lacks to its config.json.
    pub(in crate::containerd) fn add_to(&self, bundle: &Path) -> Result<(), Status> {
        let path = bundle.join(CONFIG);
        let failed = |error: String| {
            Status::new(Code::InvalidArgument, format!("{}: {error}", path.display()))
        };
        let text = fs::read(&path).map_err(|error| failed(error.to_string()))?;
        let mut config =
            serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
        self.add(&mut config);
        let text = serde_json::to_vec(&config).map_err(|error| failed(error.to_string()))?;
        // containerd reads it, too.
        let new = bundle.join(format!(".{CONFIG}"));
        let written = fs::write(&new, text).and_then(|()| fs::rename(&new, &path));
        written.map_err(|error| failed(error.to_string()))
    }

    fn add(&self, config: &mut Value) {
        let readonly = config.pointer("/root/readonly").and_then(Value::as_bool);
        let access = if readonly == Some(true) { "ro" } else { "rw" };
        let Some(fields) = config.as_object_mut() else { return };
        let mounts = fields.entry("mounts").or_insert_with(|| json!([]));
        let Some(mounts) = mounts.as_array_mut() else { return };
        let is_at = |mount: &Value, place: &str| {
            mount.get("destination").and_then(Value::as_str).is_some_and(|at| at == place)
        };
        for (place, source) in &self.files {
            if !mounts.iter().any(|mount| is_at(mount, place)) {
                mounts.push(bind(place, source, access));
            }
        }
        // One of its own is what containerd gives where it knows no pod's.
        let is_own = |mount: &Value| mount.get("type").and_then(Value::as_str) != Some("bind");
        let shm = bind(SHM, &self.shm, "rw");
        match mounts.iter().position(|mount| is_at(mount, SHM)) {
            Some(at) if mounts.get(at).is_some_and(is_own) => {
                mounts.splice(at..=at, [shm]);
            }
            Some(_) => {}
            None => mounts.push(shm),
        }
    }
}

fn bind(place: &str, source: &Path, access: &str) -> Value {
    json!({
        "destination": place, "type": "bind", "source": source,
        "options": ["rbind", "rprivate", access],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts() -> Mounts {
        let files = vec![("/etc/hosts".to_owned(), PathBuf::from("/b/hosts"))];
        Mounts { files, shm: "/proc/7/root/dev/shm".into() }
    }

    fn added(mut config: Value) -> Value {
        mounts().add(&mut config);
        config.pointer("/mounts").unwrap().clone()
    }

    #[test]
    fn what_is_missing_is_added() {
        let config = json!({ "root": { "readonly": true } });
        let shm = bind(SHM, Path::new("/proc/7/root/dev/shm"), "rw");
        assert_eq!(added(config), json!([bind("/etc/hosts", Path::new("/b/hosts"), "ro"), shm]));
    }

    #[test]
    fn what_is_there_stays_but_for_memory_of_its_own() {
        let hosts = bind("/etc/hosts", Path::new("/other"), "rw");
        let own = json!({ "destination": SHM, "type": "tmpfs", "source": "shm" });
        let shm = bind(SHM, Path::new("/proc/7/root/dev/shm"), "rw");
        assert_eq!(added(json!({ "mounts": [own, hosts] })), json!([shm, hosts]));
        let given = bind(SHM, Path::new("/given"), "rw");
        assert_eq!(added(json!({ "mounts": [given, hosts] })), json!([given, hosts]));
    }
}
