//! The root: the directory that holds a directory for each container, and in it the
//! container's state.
//!
//! `<root>/<id>/lock` is held by whoever changes the container; the kernel lets it go when the
//! holder dies, which is how others know that a creator has crashed. `<root>/<id>/state.json` and
//! `<root>/<id>/cgroup` are written before the first kernel object of the container exists, and
//! always as a whole.

use super::notify;
use crate::error::{Doing, Error, Result};
use crate::sys::file::{self, Lock, OFlag};
use crate::sys::{Errno, poll};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long an operation waits for another one on the same container.
const LOCK_PATIENCE: Duration = Duration::from_millis(1500);

/// A state file is of our own making and a few kilobytes long; annotations can make it longer.
const STATE_LIMIT: usize = 8 << 20;

/// The directory of all containers.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    dir: OwnedFd,
}

/// The directory of one container.
#[derive(Debug)]
pub(crate) struct Entry {
    id: String,
    name: CString,
    dir: OwnedFd,
}

/// The directory of one container, which nobody else changes meanwhile.
#[derive(Debug)]
#[must_use]
pub(crate) struct Locked {
    pub(crate) entry: Entry,
    _lock: Lock,
}

/// The directory of a container that is being created. Dropped, it is removed.
#[derive(Debug)]
#[must_use]
pub(crate) struct Reserved<'a> {
    root: &'a Root,
    locked: Option<Locked>,
}

impl Root {
    /// Opens the root at `path`, and makes it if it is not there yet.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSpec`] if others than its owner may write there: they could make this
    /// process, which is root, kill and remove what they like.
    pub fn open(path: &Path) -> Result<Self> {
        let invalid = |reason: &str| Error::invalid("--root", path.display(), reason);
        if !path.is_absolute() || path == Path::new("/") {
            return Err(invalid("must be an absolute path, and not the root of the host"));
        }
        let name = c_name(&path.to_string_lossy())?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let dir = match file::open(&name, flags) {
            Ok(dir) => dir,
            Err(_) => {
                let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
                made.map_err(|error| invalid(&error.to_string()))?;
                file::open(&name, flags).doing(|| format!("--root: {}", path.display()))?
            }
        };
        let stat = file::fstat(dir.as_fd()).doing(|| path.display().to_string())?;
        if stat.st_uid != file::effective_uid() {
            return Err(invalid("belongs to another user"));
        }
        if stat.st_mode & 0o022 != 0 {
            return Err(invalid("others than its owner may write there"));
        }
        // Such are the directories that the kernel keeps: a process would be a container there.
        if stat.st_mode & 0o200 == 0 {
            return Err(invalid("nothing may be written there"));
        }
        Ok(Self { path: path.to_owned(), dir })
    }

    /// The path that the root was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the id, which must be free.
    pub(crate) fn reserve(&self, id: &str) -> Result<Reserved<'_>> {
        let name = checked(id)?;
        match file::mkdirat(self.dir.as_fd(), &name, 0o700) {
            Err(error) if error.errno() == Errno::EEXIST => {
                let message = format!("container with given ID already exists: {id}");
                return Err(Error::AlreadyExists(message));
            }
            made => made.doing(|| format!("the directory of {id}"))?,
        }
        let entry = self.open_entry(id)?;
        // A `delete --force` may have found the new directory first.
        let locked = self.lock_entry(entry, Instant::now())?;
        Ok(Reserved { root: self, locked: Some(locked) })
    }

    /// The container `id`, without a lock: what is read of it is whole, but may be old.
    pub(crate) fn open_entry(&self, id: &str) -> Result<Entry> {
        let name = checked(id)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        match file::open_beneath(self.dir.as_fd(), &name, flags) {
            Err(error) if error.errno() == Errno::ENOENT => {
                Err(Error::NotFound(format!("container {id}")))
            }
            opened => {
                let dir = opened.doing(|| format!("the directory of {id}"))?;
                Ok(Entry { id: id.to_owned(), name, dir })
            }
        }
    }

    /// The container `id`, for an operation that changes it.
    pub(crate) fn lock(&self, id: &str) -> Result<Locked> {
        self.lock_entry(self.open_entry(id)?, Instant::now() + LOCK_PATIENCE)
    }

    fn lock_entry(&self, entry: Entry, deadline: Instant) -> Result<Locked> {
        let lock = take_lock(&entry, deadline)?;
        if self.has(&entry)? {
            return Ok(Locked { entry, _lock: lock });
        }
        Err(entry.not_found())
    }

    /// Whether the directory of `entry` is still the one of that name: it may have been removed,
    /// and even made again.
    fn has(&self, entry: &Entry) -> Result<bool> {
        let doing = || format!("the directory of {}", entry.id);
        let ours = file::fstat(entry.dir.as_fd()).doing(doing)?;
        match file::fstatat(self.dir.as_fd(), &entry.name) {
            Err(error) if error.errno() == Errno::ENOENT => Ok(false),
            found => {
                let found = found.doing(doing)?;
                Ok((found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino))
            }
        }
    }

    /// The ids of all containers and sandboxes, sorted.
    ///
    /// # Errors
    ///
    /// [`Error::Kernel`] if the directory cannot be read.
    pub fn ids(&self) -> Result<Vec<String>> {
        let names = file::names(self.dir.as_fd()).doing(|| self.path.display().to_string())?;
        let mut ids: Vec<_> = names
            .into_iter()
            .filter_map(|(name, _)| name.into_string().ok())
            .filter(|name| checked(name).is_ok())
            .collect();
        ids.sort();
        Ok(ids)
    }

    /// Removes the directory of a container, with whatever is in it. That it is gone
    /// already is fine.
    pub(crate) fn remove(&self, locked: Locked) -> Result<()> {
        let Locked { entry, _lock } = locked;
        let doing = || format!("the directory of {}", entry.id);
        loop {
            match empty(&entry) {
                // Somebody has removed it before: what has its name by now is another's.
                Err(error) if error.errno() == Errno::ENOENT => return Ok(()),
                emptied => emptied.doing(doing)?,
            }
            match file::rmdirat(self.dir.as_fd(), &entry.name) {
                // Somebody opened the directory before, and has made a lock in it since. He learns
                // that there is no state, and makes no other.
                Err(error) if error.errno() == Errno::ENOTEMPTY => {}
                removed => return ignore_missing(removed).doing(doing),
            }
        }
    }
}

/// Removes what is in the directory of a container. The state goes last but one: until then whoever
/// comes after a crash knows what to clean up. `ENOENT`: there is no such directory any more.
fn empty(entry: &Entry) -> crate::sys::Result<()> {
    for (name, _) in file::names(entry.dir.as_fd())? {
        if name.as_c_str() == notify::DIRECTORY {
            notify::remove(entry.dir.as_fd())?;
        } else if name.as_c_str() != STATE && name.as_c_str() != CGROUP {
            ignore_missing(file::unlinkat(entry.dir.as_fd(), &name))?;
        }
    }
    for name in [STATE, CGROUP] {
        ignore_missing(file::unlinkat(entry.dir.as_fd(), name))?;
    }
    Ok(())
}

const STATE: &CStr = c"state.json";
const CGROUP: &CStr = c"cgroup";
const HOOKS: &CStr = c"hooks";
const FILTER: &CStr = c"seccomp";
const CONFIG: &CStr = c"config.json";

impl Entry {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// A path to a file of this container that is short whatever the root is called: a socket's
    /// must have less than 108 bytes.
    pub(crate) fn short_path(&self, name: &str) -> PathBuf {
        Path::new("/proc/self/fd").join(self.dir.as_raw_fd().to_string()).join(name)
    }

    /// Without a state there is no container: its creator or whoever deleted it was killed, or is
    /// about to be done.
    pub(crate) fn read_state(&self) -> Result<Vec<u8>> {
        match self.read(STATE) {
            Err(Error::Kernel { source, .. }) if source.errno() == Errno::ENOENT => {
                Err(self.not_found())
            }
            read => read,
        }
    }

    fn not_found(&self) -> Error {
        Error::NotFound(format!("container {}", self.id))
    }

    pub(crate) fn write_state(&self, bytes: &[u8]) -> Result<()> {
        self.write(STATE, bytes)
    }

    pub(crate) fn read_cgroup(&self) -> Result<Vec<u8>> {
        self.read(CGROUP)
    }

    pub(crate) fn write_cgroup(&self, bytes: &[u8]) -> Result<()> {
        self.write(CGROUP, bytes)
    }

    pub(crate) fn read_hooks(&self) -> Result<Vec<u8>> {
        self.read(HOOKS)
    }

    pub(crate) fn write_hooks(&self, bytes: &[u8]) -> Result<()> {
        self.write(HOOKS, bytes)
    }

    pub(crate) fn read_filter(&self) -> Result<Vec<u8>> {
        self.read(FILTER)
    }

    pub(crate) fn write_filter(&self, bytes: &[u8]) -> Result<()> {
        self.write(FILTER, bytes)
    }

    pub(crate) fn read_config(&self) -> Result<Vec<u8>> {
        self.read(CONFIG)
    }

    pub(crate) fn write_config(&self, bytes: &[u8]) -> Result<()> {
        self.write(CONFIG, bytes)
    }

    /// Removes a file. That it is gone already is fine.
    pub(crate) fn unlink(&self, name: &CStr) -> Result<()> {
        ignore_missing(file::unlinkat(self.dir.as_fd(), name)).doing(|| format!("{name:?}"))
    }

    /// Whether another process holds the lock.
    pub(crate) fn is_locked(&self) -> Result<bool> {
        let doing = || format!("the lock of {}", self.id);
        let fd = match file::open_beneath(self.dir.as_fd(), c"lock", OFlag::O_RDONLY) {
            Err(error) if error.errno() == Errno::ENOENT => return Ok(false),
            opened => opened.doing(doing)?,
        };
        Ok(Lock::try_take(fd).doing(doing)?.is_err())
    }

    fn read(&self, name: &CStr) -> Result<Vec<u8>> {
        let doing = || format!("{name:?} of container {}", self.id);
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK;
        let fd = file::open_beneath(self.dir.as_fd(), name, flags).doing(doing)?;
        file::read_to_end(fd, STATE_LIMIT).doing(doing)
    }

    /// Replaces a file in one step. Only the holder of the lock writes, so one name for the new
    /// file is enough.
    fn write(&self, name: &CStr, bytes: &[u8]) -> Result<()> {
        const NEW: &CStr = c".new";
        let doing = || format!("{name:?} of container {}", self.id);
        let create = || file::create(self.dir.as_fd(), NEW, 0o600);
        let new = match create() {
            // Of a holder that was killed.
            Err(error) if error.errno() == Errno::EEXIST => {
                file::unlinkat(self.dir.as_fd(), NEW).and_then(|()| create())
            }
            created => created,
        };
        let mut new = File::from(new.doing(doing)?);
        file::write_all(&mut new, bytes).doing(doing)?;
        file::renameat(self.dir.as_fd(), NEW, name).doing(doing)
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

impl AsFd for Entry {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

impl Reserved<'_> {
    pub(crate) fn entry(&self) -> Result<&Entry> {
        let gone = || Error::NotFound("the reserved container".to_owned());
        self.locked.as_ref().map(|locked| &locked.entry).ok_or_else(gone)
    }

    /// The directory of all containers.
    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The ids of all containers and sandboxes, this one's too.
    pub(crate) fn others(&self) -> Result<Vec<String>> {
        self.root.ids()
    }

    /// Another container.
    pub(crate) fn other(&self, id: &str) -> Result<Entry> {
        self.root.open_entry(id)
    }

    /// Lets the container stay.
    pub(crate) fn keep(mut self) {
        self.locked = None;
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if let Some(locked) = self.locked.take() {
            // What cannot be removed now, `delete --force` finds: the state says what there may be.
            let _result = self.root.remove(locked);
        }
    }
}

fn take_lock(entry: &Entry, deadline: Instant) -> Result<Lock> {
    let doing = || format!("the lock of {}", entry.id);
    let fd = match file::open_or_create(entry.dir.as_fd(), c"lock") {
        // The directory was removed meanwhile.
        Err(error) if error.errno() == Errno::ENOENT => {
            return Err(entry.not_found());
        }
        opened => opened.doing(doing)?,
    };
    let mut fd = match Lock::try_take(fd).doing(doing)? {
        Ok(lock) => return Ok(lock),
        Err(back) => back,
    };
    // Whoever holds the lock closes it, at the latest by dying.
    let watch = file::watch_close(entry.dir.as_fd()).doing(doing)?;
    loop {
        match Lock::try_take(fd).doing(doing)? {
            Ok(lock) => return Ok(lock),
            Err(back) => fd = back,
        }
        if !poll::readable(&[watch.as_fd()], Some(deadline)).doing(doing)?[0] {
            let message = format!("container {}: another operation is under way", entry.id);
            return Err(Error::Timeout(message));
        }
        file::drain(watch.as_fd());
    }
}

pub(super) fn ignore_missing(result: crate::sys::Result<()>) -> crate::sys::Result<()> {
    match result {
        Err(error) if error.errno() == Errno::ENOENT => Ok(()),
        other => other,
    }
}

/// The id as a file name, if it is one that runc and crun would take too.
fn checked(id: &str) -> Result<CString> {
    let invalid = |reason: &str| {
        let shown: String = id.chars().take(40).collect();
        Error::invalid(
            "container id",
            format!("{shown:?}"),
            format!("invalid container ID format: {reason}"),
        )
    };
    if id.is_empty() || id.len() > 128 {
        return Err(invalid("must have 1 to 128 characters"));
    }
    if id.starts_with(['.', '-']) {
        return Err(invalid("must not start with . or -"));
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_+.-".contains(c);
    if !id.chars().all(is_allowed) {
        return Err(invalid("only letters, digits, and _ + . - are allowed"));
    }
    c_name(id)
}

fn c_name(name: &str) -> Result<CString> {
    CString::new(name).map_err(|_| Error::invalid("path", format!("{name:?}"), "contains NUL"))
}

/// The user who owns a container: that of its directory.
pub(crate) fn owner(entry: &Entry) -> Result<u32> {
    Ok(file::fstat(entry.dir.as_fd()).doing(|| entry.id.clone())?.st_uid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn ids_are_those_that_every_runtime_takes() {
        for good in ["a", "web-1", "A_b+c.d", "0", &"x".repeat(128)] {
            assert!(checked(good).is_ok(), "{good}");
        }
        let long = "x".repeat(129);
        for bad in ["", ".", "..", "../x", "a/b", "a b", "ü", "a\n", "-x", ".x", "a\0", &long] {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_root_that_others_may_write_to_is_refused() {
        let dir = std::env::temp_dir().join(format!("peapod-root-{}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
        assert!(Root::open(&dir).is_ok());
        std::fs::set_permissions(&dir, Permissions::from_mode(0o777)).unwrap();
        let error = Root::open(&dir).unwrap_err().to_string();
        assert!(error.contains("others than its owner may write there"), "{error}");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
