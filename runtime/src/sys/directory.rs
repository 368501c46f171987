//! Directories and what is in them, without an allocation: for copies, and for links that lead
//! nowhere.

use super::error::{Error, Result, check, explain};
use nix::errno::Errno;
use nix::sys::stat::{self, FileStat, Mode, UtimensatFlags};
use nix::sys::time::TimeSpec;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Where `linux_dirent64` has the length of an entry, and its name.
const RECLEN: usize = 16;
const NAME: usize = 19;

/// Reads some entries of an open directory into `buffer`; none at its end.
pub(crate) fn getdents64<'b>(dir: BorrowedFd<'_>, buffer: &'b mut [u8]) -> Result<Entries<'b>> {
    let fd = dir.as_raw_fd();
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer`.
    let returned =
        unsafe { libc::syscall(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), buffer.len()) };
    let read = check(returned, "getdents64", format_args!("{fd}"))?;
    let len = usize::try_from(read).unwrap_or(0);
    Ok(Entries(buffer.get(..len).unwrap_or_default()))
}

/// The names of entries, without `.` and `..`.
pub(crate) struct Entries<'b>(&'b [u8]);

impl Entries<'_> {
    /// Whether there are none, not even those two.
    pub(crate) fn is_end(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'b> Iterator for Entries<'b> {
    type Item = &'b CStr;

    fn next(&mut self) -> Option<&'b CStr> {
        loop {
            let reclen = [*self.0.get(RECLEN)?, *self.0.get(RECLEN + 1)?];
            let len = usize::from(u16::from_ne_bytes(reclen));
            let name = CStr::from_bytes_until_nul(self.0.get(NAME..len)?).ok()?;
            self.0 = self.0.get(len..)?;
            if name != c"." && name != c".." {
                return Some(name);
            }
        }
    }
}

/// What a symbolic link says, in `buffer`. One that does not fit is `ENAMETOOLONG`.
pub(crate) fn readlinkat<'b>(
    dir: BorrowedFd<'_>,
    path: &CStr,
    buffer: &'b mut [u8],
) -> Result<&'b CStr> {
    let fd = dir.as_raw_fd();
    let room = buffer.len().saturating_sub(1);
    // SAFETY: `path` is a C string that outlives the call; the kernel writes at most `room` bytes
    // into `buffer`, which has one more.
    let returned = unsafe { libc::readlinkat(fd, path.as_ptr(), buffer.as_mut_ptr().cast(), room) };
    let read = check(returned as libc::c_long, "readlinkat", format_args!("{fd}, {path:?}"))?;
    let len = usize::try_from(read).unwrap_or(0);
    let too_long = || Error::new("readlinkat", format_args!("{fd}, {path:?}"), Errno::ENAMETOOLONG);
    if len == room {
        return Err(too_long());
    }
    buffer[len] = 0;
    CStr::from_bytes_until_nul(&buffer[..=len]).map_err(|_| too_long())
}

pub(crate) fn fchmod(fd: BorrowedFd<'_>, mode: u32) -> Result<()> {
    let done = stat::fchmod(fd, Mode::from_bits_truncate(mode));
    explain(done, "fchmod", format_args!("{}, {mode:#o}", fd.as_raw_fd()))
}

/// Gives a file the times of another; a link those of its own.
pub(crate) fn utimensat(dir: BorrowedFd<'_>, path: &CStr, like: &FileStat) -> Result<()> {
    let (accessed, modified) = (
        TimeSpec::new(like.st_atime, like.st_atime_nsec),
        TimeSpec::new(like.st_mtime, like.st_mtime_nsec),
    );
    let flags = UtimensatFlags::NoFollowSymlink;
    let done = stat::utimensat(dir, path, &accessed, &modified, flags);
    explain(done, "utimensat", format_args!("{}, {path:?}", dir.as_raw_fd()))
}

/// Reads some bytes; none at the end.
pub(crate) fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    explain(nix::unistd::read(fd, buffer), "read", format_args!("{}", fd.as_raw_fd()))
}
