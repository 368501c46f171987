//! The home directory of the user, where the environment does not have it: as the container's own
//! `/etc/passwd` says.

use super::{Init, root};
use crate::sys::file::{self, OFlag};
use crate::sys::{Errno, Error, Result};
use std::fs::File;
use std::io::{Read, Take};
use std::os::fd::AsFd;

/// What is not known is `/`, as other runtimes have it.
const UNKNOWN: &[u8] = b"/";

/// A file of users is read as far as this (containerd's CVE-2022-23471 was one without an end).
const LIMIT: u64 = 1 << 20;

/// A longer line is not of a user.
const LINE: usize = 4096;

pub(super) fn find(init: &Init<'_>) -> Result<()> {
    let Some(uid) = init.plan.process.home else { return Ok(()) };
    let mut line = Line { bytes: [0; LINE], len: 0, is_too_long: false };
    // A container need not have such a file, nor one that can be read.
    if let Ok(file) = open() {
        let mut bytes = Bytes { file: file.take(LIMIT), chunk: [0; LINE], at: 0, end: 0 };
        while line.read(&mut bytes) && home_of(line.get(), uid).is_none() {}
    }
    init.plan.process.envp.add([b"HOME=", home_of(line.get(), uid).unwrap_or(UNKNOWN)])
}

/// The file, if it is one: no link leads out of the root, and nothing else is read than what ends.
fn open() -> Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = file::open_in_root(root::top()?.as_fd(), c"etc/passwd", flags)?;
    if file::is_regular(&file::fstat(file.as_fd())?) {
        return Ok(file.into());
    }
    let what = format_args!("\"/etc/passwd\" is not a regular file");
    Err(Error::new("openat2", what, Errno::EINVAL))
}

/// What is in the file, byte by byte, read in chunks.
struct Bytes {
    file: Take<File>,
    chunk: [u8; LINE],
    at: usize,
    end: usize,
}

impl Iterator for Bytes {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.at == self.end {
            (self.at, self.end) = (0, self.file.read(&mut self.chunk).ok()?);
        }
        let byte = self.chunk[..self.end].get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }
}

/// The line that is being read, in memory of this process's own.
struct Line {
    bytes: [u8; LINE],
    len: usize,
    is_too_long: bool,
}

impl Line {
    /// Reads the next line; false at the end of the file.
    fn read(&mut self, bytes: &mut Bytes) -> bool {
        (self.len, self.is_too_long) = (0, false);
        let mut has_more = false;
        for byte in bytes {
            has_more = true;
            if byte == b'\n' {
                break;
            }
            self.push(byte);
        }
        has_more
    }

    fn push(&mut self, byte: u8) {
        match self.bytes.get_mut(self.len) {
            Some(place) => *place = byte,
            None => {
                self.is_too_long = true;
                return;
            }
        }
        self.len += 1;
    }

    fn get(&self) -> &[u8] {
        if self.is_too_long { &[] } else { &self.bytes[..self.len] }
    }
}

/// passwd(5): `name:password:UID:GID:comment:directory:shell`.
fn home_of(line: &[u8], uid: u32) -> Option<&[u8]> {
    let mut fields = line.split(|&byte| byte == b':');
    let found: u32 = std::str::from_utf8(fields.nth(2)?).ok()?.parse().ok()?;
    let home = fields.nth(2)?;
    (found == uid && home.starts_with(b"/") && !home.contains(&0)).then_some(home)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_passwd_has_the_home_in_its_sixth_field() {
        let line = b"root:x:0:0:Super User:/root:/bin/sh";
        assert_eq!(home_of(line, 0), Some(b"/root".as_slice()));
        assert_eq!(home_of(line, 1), None);
        for line in ["", "#", "root:x:0:0", "a:x:0:0:::", "a:x:0:0::relative:", "a:x:-1:0::/:"] {
            assert_eq!(home_of(line.as_bytes(), 0), None, "{line}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_none() {
        let mut line = Line { bytes: [0; LINE], len: 0, is_too_long: false };
        (0..=LINE).for_each(|_| line.push(b'x'));
        assert!(line.get().is_empty());
    }
}
