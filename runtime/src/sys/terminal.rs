//! Pseudoterminals, and the modes and sizes of terminals.

use super::error::{Error, Result, check};
use super::file::{self, OFlag, owned};
use nix::errno::Errno;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// `DEVPTS_SUPER_MAGIC` of include/uapi/linux/magic.h.
const DEVPTS_MAGIC: i64 = 0x1cd1;

/// fs/devpts/inode.c: the numbers of the root of each devpts, and of its `ptmx`.
const DEVPTS_ROOT: u64 = 1;
const DEVPTS_PTMX: u64 = 2;

/// A new pseudoterminal.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) master: OwnedFd,
    /// The end that programs have.
    pub(crate) slave: OwnedFd,
}

/// Makes a pseudoterminal in the devpts that `dir` is the root of.
///
/// What a container's `/dev/pts/ptmx` and `/dev/pts/N` lead to is the container's to say
/// (CVE-2025-52565): so it is made sure that this is devpts and its `ptmx`, with nothing mounted
/// over it, and the other end comes from the master itself (`TIOCGPTPEER`), not from a path.
pub(crate) fn open_pair(dir: BorrowedFd<'_>) -> Result<Pair> {
    let wrong = |what| Error::new("openat2", format_args!("{what}"), Errno::ENODEV);
    if file::filesystem_magic(dir)? != DEVPTS_MAGIC || file::fstat(dir)?.st_ino != DEVPTS_ROOT {
        return Err(wrong("\"/dev/pts\" is no devpts"));
    }
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY;
    let master = file::lift(file::open_in_filesystem(dir, c"ptmx", flags)?)?;
    let stat = file::fstat(master.as_fd())?;
    if !file::is_device(&stat, 5, 2) || stat.st_ino != DEVPTS_PTMX {
        return Err(wrong("\"/dev/pts/ptmx\" is not that of devpts"));
    }
    let fd = master.as_raw_fd();
    let unlock: libc::c_int = 0;
    // SAFETY: TIOCSPTLCK reads an int.
    let returned = unsafe { libc::ioctl(fd, libc::TIOCSPTLCK, &raw const unlock) };
    check(returned.into(), "ioctl", format_args!("{fd}, TIOCSPTLCK"))?;
    let flags = (OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).bits();
    // SAFETY: TIOCGPTPEER takes flags of open, by value.
    let returned = unsafe { libc::ioctl(fd, libc::TIOCGPTPEER, flags) };
    let slave = owned(check(returned.into(), "ioctl", format_args!("{fd}, TIOCGPTPEER"))?);
    Ok(Pair { master, slave: file::lift(slave)? })
}

/// Makes `terminal` that of this process's session, which has none.
pub(crate) fn set_controlling(terminal: BorrowedFd<'_>) -> Result<()> {
    let fd = terminal.as_raw_fd();
    // SAFETY: TIOCSCTTY takes a number: 0, not to take the terminal from another session.
    let returned = unsafe { libc::ioctl(fd, libc::TIOCSCTTY, 0) };
    check(returned.into(), "ioctl", format_args!("{fd}, TIOCSCTTY")).map(drop)
}

/// How many characters a terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) rows: u16,
    pub(crate) columns: u16,
}

pub(crate) fn size_of(terminal: BorrowedFd<'_>) -> Result<Size> {
    let fd = terminal.as_raw_fd();
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes a winsize.
    let returned = unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, &raw mut size) };
    check(returned.into(), "ioctl", format_args!("{fd}, TIOCGWINSZ"))?;
    Ok(Size { rows: size.ws_row, columns: size.ws_col })
}

/// Sets the size, and tells the programs on the terminal (`SIGWINCH`).
pub(crate) fn set_size(terminal: BorrowedFd<'_>, size: Size) -> Result<()> {
    let fd = terminal.as_raw_fd();
    let Size { rows, columns } = size;
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCSWINSZ reads a winsize.
    let returned = unsafe { libc::ioctl(fd, libc::TIOCSWINSZ, &raw const size) };
    check(returned.into(), "ioctl", format_args!("{fd}, TIOCSWINSZ, {rows}x{columns}")).map(drop)
}

pub(crate) fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: only a number is passed.
    unsafe { libc::isatty(fd.as_raw_fd()) == 1 }
}

/// A terminal that passes on what is typed as it is. Dropped, it is as it was before.
#[derive(Debug)]
#[must_use]
pub(crate) struct Raw<'a> {
    terminal: BorrowedFd<'a>,
    before: libc::termios,
}

impl<'a> Raw<'a> {
    pub(crate) fn set(terminal: BorrowedFd<'a>) -> Result<Self> {
        let fd = terminal.as_raw_fd();
        let mut before = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: tcgetattr writes a termios, if it succeeds.
        let returned = unsafe { libc::tcgetattr(fd, before.as_mut_ptr()) };
        check(returned.into(), "tcgetattr", format_args!("{fd}"))?;
        // SAFETY: tcgetattr has succeeded.
        let before = unsafe { before.assume_init() };
        let mut raw = before;
        // SAFETY: cfmakeraw changes a termios, which `raw` is.
        unsafe { libc::cfmakeraw(&raw mut raw) };
        let made = Self { terminal, before };
        made.apply(&raw)?;
        Ok(made)
    }

    fn apply(&self, modes: &libc::termios) -> Result<()> {
        let fd = self.terminal.as_raw_fd();
        // SAFETY: tcsetattr reads a termios.
        let returned = unsafe { libc::tcsetattr(fd, libc::TCSANOW, modes) };
        check(returned.into(), "tcsetattr", format_args!("{fd}, TCSANOW")).map(drop)
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // The terminal may be gone, and nobody left to see its modes.
        let _ = self.apply(&self.before);
    }
}
