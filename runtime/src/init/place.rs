//! Makes what is missing of a path inside the root, behind symbolic links that lead nowhere too:
//! images have such links where something is to be mounted.

use crate::sys::directory::readlinkat;
use crate::sys::file::{self, OFlag, SFlag};
use crate::sys::{Errno, Error, Result};
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What the path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Directory,
    File,
}

/// The kernel's own limit for one path.
const MOST_LINKS: u32 = 40;

const PATH_MAX: usize = 4096;

/// Opens `path`, and makes what is missing of it. Every step is taken inside the root, whoever
/// changes it meanwhile.
pub(super) fn make(root: BorrowedFd<'_>, path: &CStr, last: Last) -> Result<OwnedFd> {
    let too_long = || Error::new("openat2", format_args!("{path:?}"), Errno::ENAMETOOLONG);
    let mut done = Text::new();
    let mut rest = Text::new();
    rest.push(path.to_bytes()).ok_or_else(too_long)?;
    let mut links = 0;
    while let Some((name, after)) = rest.take_first() {
        if name.as_bytes() == b".." {
            done.pop();
            rest = after;
            continue;
        }
        let parent = file::open_in_root(root, done.c_str(), OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        let is_last = after.is_empty();
        match file::fstatat(parent.as_fd(), name.c_str()) {
            Err(error) if error.errno() == Errno::ENOENT => {
                make_one(
                    parent.as_fd(),
                    name.c_str(),
                    if is_last { last } else { Last::Directory },
                )?;
            }
            found if file::kind_of(&found?) == SFlag::S_IFLNK => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Error::new("openat2", format_args!("{path:?}"), Errno::ELOOP));
                }
                let mut buffer = [0; PATH_MAX];
                let to = readlinkat(parent.as_fd(), name.c_str(), &mut buffer)?.to_bytes();
                if to.starts_with(b"/") {
                    done = Text::new();
                }
                rest = Text::new();
                rest.push(to).and_then(|()| rest.push(after.as_bytes())).ok_or_else(too_long)?;
                continue;
            }
            _ => {}
        }
        done.push(name.as_bytes()).ok_or_else(too_long)?;
        rest = after;
    }
    file::open_in_root(root, done.c_str(), OFlag::O_PATH)
}

fn make_one(parent: BorrowedFd<'_>, name: &CStr, kind: Last) -> Result<()> {
    let made = match kind {
        Last::Directory => file::mkdirat(parent, name, 0o755),
        Last::File => file::mknodat(parent, name, SFlag::S_IFREG, 0o644, 0),
    };
    match made {
        // Somebody else was first.
        Err(error) if error.errno() == Errno::EEXIST => Ok(()),
        made => made,
    }
}

/// A path that is put together without an allocation: names with slashes between, and a NUL.
#[derive(Clone, Copy)]
struct Text {
    bytes: [u8; PATH_MAX],
    len: usize,
}

impl Text {
    fn new() -> Self {
        Self { bytes: [0; PATH_MAX], len: 0 }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The root itself is `.`.
    fn c_str(&self) -> &CStr {
        match CStr::from_bytes_until_nul(&self.bytes) {
            Ok(text) if !text.is_empty() => text,
            _ => c".",
        }
    }

    /// Adds the names of `path`; `None` if there is no room.
    fn push(&mut self, path: &[u8]) -> Option<()> {
        let names = path.split(|byte| *byte == b'/');
        for name in names.filter(|name| !name.is_empty() && *name != b".") {
            let slash = usize::from(self.len > 0);
            let end = self.len + slash + name.len();
            // The last byte stays NUL.
            if end >= PATH_MAX {
                return None;
            }
            if slash == 1 {
                self.bytes[self.len] = b'/';
            }
            self.bytes[self.len + slash..end].copy_from_slice(name);
            self.len = end;
        }
        Some(())
    }

    fn pop(&mut self) {
        let end = self.as_bytes().iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        self.bytes[end..self.len].fill(0);
        self.len = end;
    }

    /// The first name, and what follows it.
    fn take_first(&self) -> Option<(Self, Self)> {
        if self.is_empty() {
            return None;
        }
        let end = self.as_bytes().iter().position(|byte| *byte == b'/').unwrap_or(self.len);
        let (mut first, mut after) = (Self::new(), Self::new());
        first.push(&self.as_bytes()[..end])?;
        after.push(&self.as_bytes()[end..])?;
        Some((first, after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    struct Dir(PathBuf, OwnedFd);

    impl Dir {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("peapod-place-{name}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            let c_path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
            let opened = file::open(&c_path, OFlag::O_PATH | OFlag::O_DIRECTORY).unwrap();
            Self(path, opened)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn what_a_link_leads_to_is_made_inside_the_root() {
        let dir = Dir::new("links");
        fs::create_dir(dir.0.join("a")).unwrap();
        symlink("../../../../deep/er", dir.0.join("a/up")).unwrap();
        symlink("/absolute/./place", dir.0.join("slash")).unwrap();
        symlink("a/up/x", dir.0.join("chain")).unwrap();
        for (path, made) in [
            (c"a/up", "deep/er"),
            (c"slash/below", "absolute/place/below"),
            (c"chain/y", "deep/er/x/y"),
            (c"plain/../other", "other"),
        ] {
            make(dir.1.as_fd(), path, Last::Directory).unwrap();
            assert!(dir.0.join(made).is_dir(), "{path:?}");
        }
        symlink("nowhere/file", dir.0.join("to-file")).unwrap();
        make(dir.1.as_fd(), c"to-file", Last::File).unwrap();
        assert!(dir.0.join("nowhere/file").is_file());
    }

    #[test]
    fn links_without_an_end_are_an_error() {
        let dir = Dir::new("loop");
        symlink("b", dir.0.join("a")).unwrap();
        symlink("a", dir.0.join("b")).unwrap();
        let error = make(dir.1.as_fd(), c"a/x", Last::Directory).unwrap_err();
        assert_eq!(error.errno(), Errno::ELOOP);
        symlink("x".repeat(4000), dir.0.join("long")).unwrap();
        let path = std::ffi::CString::new(format!("long/{}", "y".repeat(200))).unwrap();
        let error = make(dir.1.as_fd(), &path, Last::Directory).unwrap_err();
        assert_eq!(error.errno(), Errno::ENAMETOOLONG);
    }
}
