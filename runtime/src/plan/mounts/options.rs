//! The options of mounts that have the same meaning for each file system.

use crate::sys::mount::{
    Attributes, Depth, MOUNT_ATTR_ATIME, MOUNT_ATTR_NOATIME, MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NODIRATIME, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY, MOUNT_ATTR_STRICTATIME, MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE,
};

pub(super) fn change(attributes: &mut Attributes, set: u64, clear: u64) {
    attributes.set = (attributes.set & !clear) | set;
    attributes.clear = (attributes.clear & !set) | clear;
}

/// A propagation by its name; with an `r` before it, for all mounts below too.
pub(crate) fn propagation(name: &str) -> Option<(u64, Depth)> {
    let (name, depth) = match name.strip_prefix('r') {
        Some(name) => (name, Depth::Recursive),
        None => (name, Depth::One),
    };
    let flag = match name {
        "private" => MS_PRIVATE,
        "shared" => MS_SHARED,
        "slave" => MS_SLAVE,
        "unbindable" => MS_UNBINDABLE,
        _ => return None,
    };
    Some((flag, depth))
}

/// The options that set and clear attributes of a mount; with an `r` before them, of all below it
/// too.
const ATTRIBUTES: [(&str, u64, u64); 18] = [
    ("ro", MOUNT_ATTR_RDONLY, 0),
    ("rw", 0, MOUNT_ATTR_RDONLY),
    ("nosuid", MOUNT_ATTR_NOSUID, 0),
    ("suid", 0, MOUNT_ATTR_NOSUID),
    ("nodev", MOUNT_ATTR_NODEV, 0),
    ("dev", 0, MOUNT_ATTR_NODEV),
    ("noexec", MOUNT_ATTR_NOEXEC, 0),
    ("exec", 0, MOUNT_ATTR_NOEXEC),
    ("nodiratime", MOUNT_ATTR_NODIRATIME, 0),
    ("diratime", 0, MOUNT_ATTR_NODIRATIME),
    ("nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0),
    ("symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW),
    // The three modes of access times are one field of the kernel's: setting one clears the others.
    ("noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR_ATIME),
    ("strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR_ATIME),
    ("relatime", 0, MOUNT_ATTR_ATIME),
    ("atime", 0, MOUNT_ATTR_ATIME),
    ("nostrictatime", 0, MOUNT_ATTR_ATIME),
    ("norelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR_ATIME),
];

pub(super) fn attribute(option: &str) -> Option<(u64, u64)> {
    let found = ATTRIBUTES.iter().find(|(name, ..)| *name == option);
    found.map(|&(_, set, clear)| (set, clear))
}

/// An option of the file system itself, whichever it is, and how all of its mounts have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) is_set: bool,
}

/// What each of them is called when it is set and, if it can be, when it is cleared
/// (`vfs_parse_sb_flag` of the kernel).
const FLAGS: [(&str, Option<&str>); 4] = [
    ("dirsync", None),
    ("lazytime", Some("nolazytime")),
    ("mand", Some("nomand")),
    ("sync", Some("async")),
];

impl Flag {
    pub(super) fn of(option: &str) -> Option<Self> {
        FLAGS.iter().find_map(|&(name, clear)| {
            let is_set = option == name;
            (is_set || clear == Some(option)).then_some(Self { name, is_set })
        })
    }

    /// As the kernel takes it.
    pub(super) fn option(self) -> &'static str {
        let clear = FLAGS.iter().find_map(|(name, clear)| clear.filter(|_| *name == self.name));
        if self.is_set { self.name } else { clear.unwrap_or_default() }
    }
}

/// Options that say what is so anyway. Since Linux 6.1 every file system that counts versions of
/// its files always does; and what the kernel logs of a mount, it logs.
const NOTHING: [&str; 5] = ["defaults", "iversion", "loud", "noiversion", "silent"];

/// podman leaves an empty one where an option of its own stood.
pub(super) fn says_nothing(option: &str) -> bool {
    option.is_empty() || NOTHING.contains(&option)
}

/// Options that are neither attributes nor those of a file system.
const OTHERS: [&str; 9] = [
    "bind",
    "copy-symlink",
    "dest-nofollow",
    "idmap",
    "rbind",
    "remount",
    "ridmap",
    "src-nofollow",
    "tmpcopyup",
];

const PROPAGATIONS: [&str; 4] = ["private", "shared", "slave", "unbindable"];

/// Every option that has the same meaning for each file system, sorted.
pub(crate) fn all() -> Vec<String> {
    let attributes = ATTRIBUTES.iter().map(|(name, ..)| *name);
    let with_recursive = attributes.chain(PROPAGATIONS);
    let mut all: Vec<_> =
        with_recursive.flat_map(|name| [name.to_owned(), format!("r{name}")]).collect();
    let flags = FLAGS.iter().flat_map(|(set, clear)| [Some(*set), *clear]).flatten();
    all.extend(flags.chain(NOTHING).chain(OTHERS).map(str::to_owned));
    all.sort();
    all
}
