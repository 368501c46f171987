//! Where a shim listens: a socket in the file system, that nobody else may open (CVE-2020-15257),
//! with a name that every `start` of the same group finds.
//!
//! Containers of one group are given to one shim. Whether it lives is asked by connecting. From
//! then until the new socket listens the directory is locked, or two that start at once might each
//! take the other's for a dead one's.

use anyhow::{Context, Result, ensure};
use peapod::sys::{Errno, resident};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Where containerd 2.2 and earlier expect sockets; later ones say where.
const DIRECTORY: &str = "/run/containerd/s";

/// What containerd connects to; `sun_path` of unix(7) has one more byte, and one for a null.
const LONGEST: usize = 106;

/// A shim's socket.
#[derive(Debug)]
pub(super) enum Claim {
    /// Another shim listens there.
    Alive,
    /// Nobody did, and we do now.
    Ours(New),
}

/// A socket that was made, and that is removed again unless it is handed over.
#[derive(Debug)]
#[must_use]
pub(super) struct New {
    listener: Option<UnixListener>,
    path: PathBuf,
}

/// The socket of a group of containers, in `directory` if containerd has said so.
pub(super) fn path_of(
    directory: Option<&Path>,
    [address, namespace, group]: [&str; 3],
) -> Result<PathBuf> {
    // As filepath.Join of Go has it (containerd, pkg/shim/util_unix.go).
    let parts: Vec<_> =
        [address, namespace, group].into_iter().filter(|part| !part.is_empty()).collect();
    let path = directory.unwrap_or(Path::new(DIRECTORY)).join(name_of(&parts.join("/")));
    let length = path.as_os_str().len();
    ensure!(length <= LONGEST, "{}: {length} bytes, more than {LONGEST}", path.display());
    Ok(path)
}

/// Listens at `path`, unless somebody does already.
pub(super) fn claim(path: &Path) -> Result<Claim> {
    let _lock = lock(path)?;
    let bound = || UnixListener::bind(path);
    let listener = match bound() {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            if is_alive(path)? {
                return Ok(Claim::Alive);
            }
            fs::remove_file(path).with_context(|| format!("removing {}", path.display()))?;
            bound()
        }
        bound => bound,
    };
    let listener = listener.with_context(|| format!("listening at {}", path.display()))?;
    let new = New { listener: Some(listener), path: path.to_owned() };
    let permissions = Permissions::from_mode(0o600);
    fs::set_permissions(path, permissions).with_context(|| path.display().to_string())?;
    Ok(Claim::Ours(new))
}

/// Removes the socket of a shim that is about to end, and still listens there.
pub(super) fn remove(listener: &UnixListener) -> Result<()> {
    let address = listener.local_addr().context("the address of the socket")?;
    let Some(path) = address.as_pathname() else {
        return Ok(());
    };
    let _lock = lock(path)?;
    fs::remove_file(path).with_context(|| format!("removing {}", path.display()))
}

impl New {
    /// The socket, for the shim that will listen to it.
    pub(super) fn listener(&self) -> Result<UnixListener> {
        let listener = self.listener.as_ref().context("handed over already")?;
        listener.try_clone().context("duplicating the listener")
    }

    /// A shim has it now.
    pub(super) fn hand_over(mut self) {
        self.listener = None;
    }
}

impl Drop for New {
    fn drop(&mut self) {
        if self.listener.is_some() {
            // Nobody was told of it yet.
            let _removed = fs::remove_file(&self.path);
        }
    }
}

/// Locks the directory of `path`, which is made if it is not there.
fn lock(path: &Path) -> Result<File> {
    let directory = path.parent().context("a socket has a directory")?;
    let doing = || format!("the directory of sockets {}", directory.display());
    DirBuilder::new().recursive(true).mode(0o700).create(directory).with_context(doing)?;
    let directory = File::open(directory).with_context(doing)?;
    directory.lock().with_context(doing)?;
    Ok(directory)
}

fn is_alive(path: &Path) -> Result<bool> {
    match resident::connect(path) {
        Ok(_) => Ok(true),
        // So many connect that it has not accepted them all.
        Err(error) if error.errno() == Errno::EAGAIN => Ok(true),
        Err(error) if matches!(error.errno(), Errno::ECONNREFUSED | Errno::ENOENT) => Ok(false),
        Err(error) => Err(error).context("looking for a shim"),
    }
}

fn name_of(group: &str) -> String {
    Sha256::digest(group).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let directory =
            std::env::temp_dir().join(format!("shim-{}-{name}", std::process::id())).join("s");
        let _left_over = fs::remove_dir_all(&directory);
        directory
    }

    #[test]
    fn a_name_is_the_digest_of_whom_it_is_for() {
        let path = path_of(None, ["/run/containerd/containerd.sock", "k8s.io", "p1"]).unwrap();
        // printf /run/containerd/containerd.sock/k8s.io/p1 | sha256sum
        let digest = "5643fcb627683f8a577878c63175cb86c8aa17302107b0e97cf970aa17ff3018";
        assert_eq!(path, Path::new(DIRECTORY).join(digest));
        let far = PathBuf::from("/run").join("x".repeat(40));
        path_of(Some(&far), ["a", "n", "i"]).unwrap_err();
    }

    #[test]
    fn a_socket_is_for_its_owner_alone() {
        let directory = directory("modes");
        let path = directory.join("1");
        let Claim::Ours(_new) = claim(&path).unwrap() else { panic!("nobody listens there") };
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&path)), (0o700, 0o600));
    }

    #[test]
    fn one_that_lives_is_found_and_a_dead_one_is_replaced() {
        let path = directory("alive").join("1");
        let Claim::Ours(first) = claim(&path).unwrap() else { panic!("nobody listens there") };
        let listener = first.listener().unwrap();
        first.hand_over();
        assert!(matches!(claim(&path).unwrap(), Claim::Alive));
        drop(listener);
        assert!(path.exists());
        let Claim::Ours(second) = claim(&path).unwrap() else { panic!("it is dead") };
        drop(second);
        assert!(!path.exists(), "nobody has it");
    }

    #[test]
    fn a_shim_that_ends_leaves_no_socket() {
        let path = directory("end").join("1");
        let Claim::Ours(new) = claim(&path).unwrap() else { panic!("nobody listens there") };
        let listener = new.listener().unwrap();
        new.hand_over();
        remove(&listener).unwrap();
        assert!(!path.exists());
    }
}
