//! What is left of a task: removed when its creation fails, and by the action `delete`, which
//! containerd executes when the shim does not answer any more. Every step takes "already gone" for
//! done.

use super::args::Args;
use super::rootfs;
use super::settings;
use crate::creator::in_root;
use crate::proto::Timestamp;
use crate::proto::task::DeleteResponse;
use crate::ttrpc::{Code, Status};
use anyhow::anyhow;
use peapod::container::{self, Force, Root};
use peapod::error::Error;
use peapod::sandbox;
use prost::Message;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// In the bundle: the runtime's directory, as long as there is a task.
const ROOT: &str = "peapod-root";

/// In the bundle: how its first process has ended, once it has.
const EXIT: &str = "peapod-exit";

/// In the bundle: the answer to `start`, written by containerd.
const BOOTSTRAP: &str = "bootstrap.json";

/// The annotation that says which pod a container is of.
const SANDBOX: &str = "io.kubernetes.cri.sandbox-id";

/// The exit status of a process of which nobody knows more than that it was killed.
const KILLED: u32 = 137;

/// Writes down where the runtime's state of the task in `bundle` is, before there is any.
pub(super) fn note_root(bundle: &Path, root: &Path) -> Result<(), Status> {
    let path = bundle.join(ROOT);
    fs::write(&path, root.as_os_str().as_encoded_bytes())
        .map_err(|error| Status::new(Code::Unknown, format!("{}: {error}", path.display())))
}

/// Writes down how the first process has ended: should the shim end too, `delete` can tell.
pub(super) fn note_exit(bundle: &Path, answer: &DeleteResponse) {
    let Timestamp { seconds, nanos } = answer.exited_at.unwrap_or_default();
    let line = format!("{} {} {seconds} {nanos}\n", answer.pid, answer.exit_status);
    // Without it, it counts as killed.
    let _written = fs::write(bundle.join(EXIT), line);
}

/// Removes the container `id`, and what is mounted in its bundle.
pub(super) fn remove(root: &Path, id: &str, bundle: &Path) -> Result<(), Status> {
    let deleted = in_root(root, |root| match container::delete(root, id, Force::Yes) {
        // The pause of a pod whose shim has ended.
        Err(Error::WrongState(_)) => sandbox::delete(root, id, Force::Yes),
        deleted => deleted,
    });
    rootfs::unmount(bundle)?;
    deleted.map(drop)
}

/// Does what the action `delete` asks for, and answers with how the task has ended.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let bundle = args.bundle.as_deref().unwrap_or(Path::new("."));
    match delete(&args.namespace, &args.id, bundle) {
        Ok(answer) => super::answer(&answer.encode_to_vec()),
        Err(status) => Err(anyhow!(status.message)),
    }
}

/// Removes all of the task `id`; of a sandbox, all of its containers.
fn delete(namespace: &str, id: &str, bundle: &Path) -> Result<DeleteResponse, Status> {
    let noted = fs::read_to_string(bundle.join(ROOT));
    let root = noted.map_or_else(|_| settings::root(None, namespace), PathBuf::from);
    let answer = noted_exit(bundle).unwrap_or_else(|| killed(&root, id));
    let mut result = Ok(());
    if root.is_dir() {
        for (member, its_bundle) in members(&root, id) {
            result = result.and(remove(&root, &member, &its_bundle));
        }
    }
    result = result.and(remove_if_there(&root, id, bundle));
    remove_socket(bundle);
    result.map(|()| answer)
}

fn remove_if_there(root: &Path, id: &str, bundle: &Path) -> Result<(), Status> {
    if root.is_dir() { remove(root, id, bundle) } else { rootfs::unmount(bundle) }
}

/// The other containers of the sandbox `id`, with their bundles.
pub(super) fn members(root: &Path, id: &str) -> Vec<(String, PathBuf)> {
    let Ok(root) = Root::open(root) else { return Vec::new() };
    let others = root.ids().unwrap_or_default().into_iter().filter(|other| other != id);
    let reports = others.filter_map(|other| container::state(&root, &other).ok());
    reports
        .filter(|report| report.annotations.get(SANDBOX).is_some_and(|sandbox| sandbox == id))
        .map(|report| (report.id, report.bundle))
        .collect()
}

fn noted_exit(bundle: &Path) -> Option<DeleteResponse> {
    let line = fs::read_to_string(bundle.join(EXIT)).ok()?;
    let numbers: Option<Vec<i64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
    let [pid, status, seconds, nanos] = numbers?.try_into().ok()?;
    let number = |number: i64| u32::try_from(number).ok();
    Some(DeleteResponse {
        pid: number(pid)?,
        exit_status: number(status)?,
        exited_at: Some(Timestamp { seconds, nanos: i32::try_from(nanos).ok()? }),
    })
}

fn killed(root: &Path, id: &str) -> DeleteResponse {
    let report = in_root(root, |root| container::state(root, id));
    DeleteResponse {
        pid: report.map_or(0, |report| report.pid.cast_unsigned()),
        exit_status: KILLED,
        exited_at: Some(SystemTime::now().into()),
    }
}

/// Removes the socket of a shim that was killed. One that somebody listens at stays: shims are
/// shared.
fn remove_socket(bundle: &Path) {
    let Ok(text) = fs::read(bundle.join(BOOTSTRAP)) else { return };
    let Ok(bootstrap) = serde_json::from_slice::<serde_json::Value>(&text) else { return };
    let address = bootstrap.get("address").and_then(serde_json::Value::as_str);
    let Some(path) = address.and_then(|address| address.strip_prefix("unix://")) else { return };
    if UnixStream::connect(path).is_err() {
        // It may be gone already.
        let _removed = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_of_an_end_is_read_again() {
        let bundle = std::env::temp_dir().join(format!("peapod-exit-{}", std::process::id()));
        fs::create_dir(&bundle).unwrap();
        assert_eq!(noted_exit(&bundle), None);
        let exited_at = Some(Timestamp { seconds: 1_700_000_000, nanos: 5 });
        let answer = DeleteResponse { pid: 7, exit_status: 3, exited_at };
        note_exit(&bundle, &answer);
        assert_eq!(noted_exit(&bundle), Some(answer));
        fs::remove_dir_all(&bundle).unwrap();
    }
}
