//! A place inside the root file system, that may have to be made first.

use super::c_string;
use crate::error::Result;
use std::ffi::CString;
use std::fmt;

/// A path inside the root, taken apart so that each missing directory can be made without
/// joining strings.
#[derive(PartialEq, Eq)]
pub(crate) struct Target {
    /// The path, without a leading slash; `.` is the root itself.
    pub(crate) path: CString,
    /// Its parts from the top: the path so far, and the name of its last component.
    pub(crate) parts: Vec<(CString, CString)>,
}

impl Target {
    /// `path` is taken from the root whether it starts with a slash or not, and `..` never
    /// leads out of it.
    pub(crate) fn new(field: &str, path: &str) -> Result<Self> {
        let mut names: Vec<&str> = Vec::new();
        for name in path.split('/') {
            match name {
                "" | "." => {}
                ".." => drop(names.pop()),
                name => names.push(name),
            }
        }
        let mut parts = Vec::new();
        for end in 1..=names.len() {
            let so_far = c_string(field, &names[..end].join("/"))?;
            parts.push((so_far, c_string(field, names[end - 1])?));
        }
        let path = parts.last().map_or_else(|| c".".to_owned(), |(path, _)| path.clone());
        Ok(Self { path, parts })
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_never_leaves_the_root() {
        for (asked, meant) in [
            ("/proc", c"proc"),
            ("dev//pts/", c"dev/pts"),
            ("/../../../tmp/x", c"tmp/x"),
            ("a/../../b", c"b"),
            ("/", c"."),
        ] {
            assert_eq!(Target::new("mounts", asked).unwrap().path.as_c_str(), meant, "{asked}");
        }
    }
}
