//! Copies a directory into a new file system: `tmpcopyup`.

use crate::sys::directory::{self, getdents64};
use crate::sys::file::{self, OFlag, SFlag};
use crate::sys::{Errno, Error, Result};
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Deeper than any tree that is meant; each level takes some kilobytes of stack.
const MOST_LEVELS: u32 = 200;

const ENTRIES: usize = 2048;
const CHUNK: usize = 16 << 10;
const PATH_MAX: usize = 4096;

/// Copies what is in the directory `from` into `to`: with owners, modes and times, but without
/// extended attributes. Links stay links, and are never followed.
pub(super) fn tree(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    level(from, to, MOST_LEVELS)
}

fn level(from: BorrowedFd<'_>, to: BorrowedFd<'_>, levels: u32) -> Result<()> {
    if levels == 0 {
        return Err(Error::new("copying", format_args!("too deep a tree"), Errno::ELOOP));
    }
    loop {
        let mut buffer = [0; ENTRIES];
        let entries = getdents64(from, &mut buffer)?;
        if entries.is_end() {
            return Ok(());
        }
        for name in entries {
            entry(from, to, name, levels)?;
        }
    }
}

fn entry(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr, levels: u32) -> Result<()> {
    let stat = file::fstatat(from, name)?;
    let mode = stat.st_mode & 0o7777;
    match file::kind_of(&stat) {
        SFlag::S_IFDIR => {
            file::mkdirat(to, name, 0o700)?;
            let made = directory_in(to, name)?;
            level(directory_in(from, name)?.as_fd(), made.as_fd(), levels - 1)?;
            file::fchownat(to, name, stat.st_uid, stat.st_gid)?;
            directory::fchmod(made.as_fd(), mode)?;
        }
        SFlag::S_IFREG => {
            let made = file::create(to, name, 0o600)?;
            contents(from, name, made.as_fd())?;
            file::fchownat(to, name, stat.st_uid, stat.st_gid)?;
            // After the owner, whose change takes setuid away.
            directory::fchmod(made.as_fd(), mode)?;
        }
        SFlag::S_IFLNK => {
            link(from, name, to)?;
            file::fchownat(to, name, stat.st_uid, stat.st_gid)?;
        }
        kind => {
            file::mknodat(to, name, kind, mode, stat.st_rdev)?;
            file::fchownat(to, name, stat.st_uid, stat.st_gid)?;
        }
    }
    directory::utimensat(to, name, &stat)
}

fn directory_in(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    file::open_beneath(parent, name, OFlag::O_RDONLY | OFlag::O_DIRECTORY)
}

fn contents(from: BorrowedFd<'_>, name: &CStr, to: BorrowedFd<'_>) -> Result<()> {
    // What is a FIFO by now must not block.
    let from = file::open_beneath(from, name, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?;
    loop {
        let mut chunk = [0; CHUNK];
        let read = directory::read(from.as_fd(), &mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        let mut rest = &chunk[..read];
        while !rest.is_empty() {
            rest = &rest[file::write_some(to, rest)?..];
        }
    }
}

fn link(from: BorrowedFd<'_>, name: &CStr, to: BorrowedFd<'_>) -> Result<()> {
    let mut text = [0; PATH_MAX];
    file::symlinkat(directory::readlinkat(from, name, &mut text)?, to, name)
}
