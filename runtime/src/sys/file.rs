//! Files and directories, always relative to a descriptor that is held.

use super::error::{Error, Result, check, explain, from_io};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, FcntlArg, OpenHow, RenameFlags, ResolveFlag, SealFlag};
use nix::sys::stat::{self, FileStat, Mode};
use nix::sys::statfs::fstatfs;
use nix::sys::uio::pread;
use nix::unistd::{AccessFlags, UnlinkatFlags};
use std::ffi::CStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

pub(crate) use nix::fcntl::{AT_FDCWD, OFlag};
pub(crate) use nix::sys::stat::SFlag;

/// `EAGAIN` of openat2 means that a rename was seen under way. runc met start failures of 3 % with
/// 32 tries under a storm of renames, and 0.12 % with 128.
const OPENAT2_TRIES: usize = 128;

/// Opens a path of the host.
pub(crate) fn open(path: &CStr, flags: OFlag) -> Result<OwnedFd> {
    let opened = nix::fcntl::openat(AT_FDCWD, path, flags | OFlag::O_CLOEXEC, Mode::empty());
    explain(opened, "openat", format_args!("AT_FDCWD, {path:?}, {flags:?}"))
}

/// Opens a file to add to, and makes it if it is not there.
pub(crate) fn open_to_append(path: &CStr) -> Result<OwnedFd> {
    let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_CLOEXEC;
    let opened = nix::fcntl::openat(AT_FDCWD, path, flags, Mode::S_IRUSR | Mode::S_IWUSR);
    explain(opened, "openat", format_args!("AT_FDCWD, {path:?}, O_APPEND|O_CREAT"))
}

/// Opens a path as a process whose root is `root` would, except that magic links
/// (`/proc/PID/fd/N`) are refused.
pub(crate) fn open_in_root(root: BorrowedFd<'_>, path: &CStr, flags: OFlag) -> Result<OwnedFd> {
    let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    openat2(root, path, OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve))
}

/// Opens a path that must lie below `dir`: no `..` out of it, no symbolic link on the way.
pub(crate) fn open_beneath(dir: BorrowedFd<'_>, path: &CStr, flags: OFlag) -> Result<OwnedFd> {
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS;
    openat2(dir, path, OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve))
}

/// The same, but nothing that is mounted below `dir` is entered either.
pub(crate) fn open_in_filesystem(
    dir: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlag,
) -> Result<OwnedFd> {
    let resolve = ResolveFlag::RESOLVE_BENEATH
        | ResolveFlag::RESOLVE_NO_SYMLINKS
        | ResolveFlag::RESOLVE_NO_XDEV;
    openat2(dir, path, OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve))
}

fn openat2(dir: BorrowedFd<'_>, path: &CStr, how: OpenHow) -> Result<OwnedFd> {
    let mut tries = 1;
    let opened = loop {
        match nix::fcntl::openat2(dir, path, how) {
            Err(Errno::EAGAIN | Errno::EINTR) if tries < OPENAT2_TRIES => tries += 1,
            result => break result,
        }
    };
    explain(opened, "openat2", format_args!("{}, {path:?}", dir.as_raw_fd()))
}

/// Makes a new file that nobody else made before, for its owner alone.
pub(crate) fn create(dir: BorrowedFd<'_>, path: &CStr, mode: u32) -> Result<OwnedFd> {
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_WRONLY;
    let mode = Mode::from_bits_truncate(mode);
    let made = nix::fcntl::openat(dir, path, flags | OFlag::O_CLOEXEC, mode);
    explain(made, "openat", format_args!("{}, {path:?}, O_CREAT|O_EXCL", dir.as_raw_fd()))
}

/// Opens a file for writing, and makes it if it is not there.
pub(crate) fn open_or_create(dir: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd> {
    let flags = OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_RDWR | OFlag::O_CLOEXEC;
    let opened = nix::fcntl::openat(dir, path, flags, Mode::S_IRUSR | Mode::S_IWUSR);
    explain(opened, "openat", format_args!("{}, {path:?}, O_CREAT|O_RDWR", dir.as_raw_fd()))
}

pub(crate) fn mkdirat(dir: BorrowedFd<'_>, path: &CStr, mode: u32) -> Result<()> {
    let made = stat::mkdirat(dir, path, Mode::from_bits_truncate(mode));
    explain(made, "mkdirat", format_args!("{}, {path:?}, {mode:#o}", dir.as_raw_fd()))
}

/// Makes a device node, or with `SFlag::S_IFREG` an empty file; never through a symbolic link.
pub(crate) fn mknodat(
    dir: BorrowedFd<'_>,
    path: &CStr,
    kind: SFlag,
    mode: u32,
    device: u64,
) -> Result<()> {
    let made = stat::mknodat(dir, path, kind, Mode::from_bits_truncate(mode), device);
    explain(made, "mknodat", format_args!("{}, {path:?}, {kind:?}|{mode:#o}", dir.as_raw_fd()))
}

pub(crate) fn symlinkat(target: &CStr, dir: BorrowedFd<'_>, path: &CStr) -> Result<()> {
    let made = nix::unistd::symlinkat(target, dir, path);
    explain(made, "symlinkat", format_args!("{target:?}, {}, {path:?}", dir.as_raw_fd()))
}

pub(crate) fn unlinkat(dir: BorrowedFd<'_>, path: &CStr) -> Result<()> {
    let done = nix::unistd::unlinkat(dir, path, UnlinkatFlags::NoRemoveDir);
    explain(done, "unlinkat", format_args!("{}, {path:?}", dir.as_raw_fd()))
}

pub(crate) fn rmdirat(dir: BorrowedFd<'_>, path: &CStr) -> Result<()> {
    let done = nix::unistd::unlinkat(dir, path, UnlinkatFlags::RemoveDir);
    explain(done, "unlinkat", format_args!("{}, {path:?}, AT_REMOVEDIR", dir.as_raw_fd()))
}

/// Renames within one directory, and puts the new file in the place of an old one.
pub(crate) fn renameat(dir: BorrowedFd<'_>, from: &CStr, to: &CStr) -> Result<()> {
    let done = nix::fcntl::renameat2(dir, from, dir, to, RenameFlags::empty());
    explain(done, "renameat", format_args!("{}, {from:?}, {to:?}", dir.as_raw_fd()))
}

pub(crate) fn fstat(fd: BorrowedFd<'_>) -> Result<FileStat> {
    explain(stat::fstat(fd), "fstat", format_args!("{}", fd.as_raw_fd()))
}

/// What is at `path`, without following a symbolic link there.
pub(crate) fn fstatat(dir: BorrowedFd<'_>, path: &CStr) -> Result<FileStat> {
    let found = stat::fstatat(dir, path, AtFlags::AT_SYMLINK_NOFOLLOW);
    explain(found, "fstatat", format_args!("{}, {path:?}", dir.as_raw_fd()))
}

pub(crate) fn is_directory(stat: &FileStat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFDIR
}

pub(crate) fn is_regular(stat: &FileStat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFREG
}

/// The user that this process makes files as.
pub(crate) fn effective_uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// The type of a file.
pub(crate) fn kind_of(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & libc::S_IFMT)
}

pub(crate) fn device_number(major: u64, minor: u64) -> u64 {
    stat::makedev(major, minor)
}

/// The device that a file is on, as `/proc/PID/mountinfo` writes it.
pub(crate) fn device_name(stat: &FileStat) -> String {
    format!("{}:{}", stat::major(stat.st_dev), stat::minor(stat.st_dev))
}

/// Whether `stat` is the character device `major:minor`.
pub(crate) fn is_device(stat: &FileStat, major: u64, minor: u64) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFCHR && stat.st_rdev == stat::makedev(major, minor)
}

/// The `statfs` magic number of the file system that `fd` is on.
pub(crate) fn filesystem_magic(fd: BorrowedFd<'_>) -> Result<i64> {
    let found = fstatfs(fd);
    Ok(explain(found, "fstatfs", format_args!("{}", fd.as_raw_fd()))?.filesystem_type().0)
}

pub(crate) fn fchownat(dir: BorrowedFd<'_>, path: &CStr, uid: u32, gid: u32) -> Result<()> {
    let done = nix::unistd::fchownat(
        dir,
        path,
        Some(uid.into()),
        Some(gid.into()),
        AtFlags::AT_SYMLINK_NOFOLLOW,
    );
    explain(done, "fchownat", format_args!("{}, {path:?}, {uid}, {gid}", dir.as_raw_fd()))
}

/// Gives an open file to the user `uid`.
pub(crate) fn fchown(fd: BorrowedFd<'_>, uid: u32) -> Result<()> {
    let done = nix::unistd::fchown(fd, Some(uid.into()), None);
    explain(done, "fchown", format_args!("{}, {uid}", fd.as_raw_fd()))
}

pub(crate) fn chdir(path: &CStr) -> Result<()> {
    explain(nix::unistd::chdir(path), "chdir", format_args!("{path:?}"))
}

/// Changes to a directory that is named from the root, without its leading slash.
pub(crate) fn chdir_from_root(path: &CStr) -> Result<()> {
    chdir(c"/")?;
    chdir(path)
}

pub(crate) fn fchdir(dir: BorrowedFd<'_>) -> Result<()> {
    explain(nix::unistd::fchdir(dir), "fchdir", format_args!("{}", dir.as_raw_fd()))
}

pub(crate) fn chroot(path: &CStr) -> Result<()> {
    explain(nix::unistd::chroot(path), "chroot", format_args!("{path:?}"))
}

/// Whether the working directory can be named from the root. It cannot when it was reached through
/// a descriptor of another mount namespace, as in CVE-2024-21626.
pub(crate) fn cwd_is_below_root() -> Result<bool> {
    let mut path = [0_u8; libc::PATH_MAX as usize];
    // The system call, not libc's getcwd: that one walks the tree when the kernel says
    // "(unreachable)".
    // SAFETY: the kernel writes at most `path.len()` bytes into `path`.
    let returned = unsafe { libc::syscall(libc::SYS_getcwd, path.as_mut_ptr(), path.len()) };
    check(returned, "getcwd", format_args!(""))?;
    Ok(path[0] == b'/')
}

/// Whether this process, by its effective ids, may execute the file at `path`.
pub(crate) fn is_executable(path: &CStr) -> Result<()> {
    let found = nix::unistd::faccessat(AT_FDCWD, path, AccessFlags::X_OK, AtFlags::AT_EACCESS);
    explain(found, "faccessat", format_args!("{path:?}, X_OK"))
}

pub(crate) fn stat(path: &CStr) -> Result<FileStat> {
    explain(stat::stat(path), "stat", format_args!("{path:?}"))
}

pub(crate) fn umask(mask: u32) {
    let _previous = stat::umask(Mode::from_bits_truncate(mask));
}

/// Writes all of `bytes` in one call, as the files of procfs and cgroupfs need it.
pub(crate) fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<()> {
    let text = || String::from_utf8_lossy(bytes);
    match nix::unistd::write(fd, bytes) {
        Ok(written) if written == bytes.len() => Ok(()),
        Ok(_) => Err(Error::new("write", format_args!("{}", fd.as_raw_fd()), Errno::EIO)),
        Err(errno) => {
            Err(Error::new("write", format_args!("{}, {:?}", fd.as_raw_fd(), text()), errno))
        }
    }
}

/// Writes as many of `bytes` as one call does.
pub(crate) fn write_some(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    let written = nix::unistd::write(fd, bytes);
    explain(written, "write", format_args!("{}, {} bytes", fd.as_raw_fd(), bytes.len()))
}

/// Writes all of `bytes` into an ordinary file.
pub(crate) fn write_all(file: &mut File, bytes: &[u8]) -> Result<()> {
    file.write_all(bytes)
        .map_err(|error| from_io(&error, "write", format_args!("{}", file.as_raw_fd())))
}

/// Reads a file to its end; `EFBIG` if it has more than `limit` bytes.
pub(crate) fn read_to_end(fd: OwnedFd, limit: usize) -> Result<Vec<u8>> {
    let number = fd.as_raw_fd();
    // Room for most files at once: growing from nothing takes a system call for each doubling.
    let mut bytes = Vec::with_capacity(4096);
    File::from(fd)
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| from_io(&error, "read", format_args!("{number}")))?;
    if bytes.len() > limit {
        return Err(Error::new("read", format_args!("{number}"), Errno::EFBIG));
    }
    Ok(bytes)
}

/// The names in a directory, without `.` and `..`.
pub(crate) fn names(dir: BorrowedFd<'_>) -> Result<Vec<(std::ffi::CString, bool)>> {
    let reopened = open_beneath(dir, c".", OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
    let failed = |errno| Error::new("getdents64", format_args!("{}", dir.as_raw_fd()), errno);
    let mut opened = nix::dir::Dir::from_fd(reopened).map_err(failed)?;
    let mut found = Vec::new();
    for entry in opened.iter() {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            let is_dir = entry.file_type() == Some(nix::dir::Type::Directory);
            found.push((name.to_owned(), is_dir));
        }
    }
    Ok(found)
}

/// An exclusive lock on an open file, let go by the kernel when its holder dies.
#[derive(Debug)]
pub(crate) struct Lock(OwnedFd);

impl Lock {
    /// Takes the lock if nobody holds it: `Err` gives the descriptor back.
    pub(crate) fn try_take(fd: OwnedFd) -> Result<std::result::Result<Self, OwnedFd>> {
        match flock(fd.as_fd(), libc::LOCK_EX | libc::LOCK_NB) {
            Ok(()) => Ok(Ok(Self(fd))),
            Err(error) if error.errno() == Errno::EWOULDBLOCK => Ok(Err(fd)),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Unlocked by name and not by closing: a child that was cloned meanwhile shares this open
        // file, and the lock would live as long as its copy. A failure leaves just that.
        let _ = flock(self.0.as_fd(), libc::LOCK_UN);
    }
}

fn flock(fd: BorrowedFd<'_>, operation: libc::c_int) -> Result<()> {
    // SAFETY: flock takes a descriptor, which is open for the whole call, and a number.
    let returned = unsafe { libc::flock(fd.as_raw_fd(), operation) };
    check(returned.into(), "flock", format_args!("{}, {operation}", fd.as_raw_fd())).map(drop)
}

/// The numbers of descriptors that are to stay open.
#[derive(Debug)]
pub(crate) struct Kept(Vec<RawFd>);

impl Kept {
    pub(crate) fn new<'a>(descriptors: impl Iterator<Item = BorrowedFd<'a>>) -> Self {
        Self(descriptors.map(|fd| fd.as_raw_fd()).collect())
    }

    /// Closes every other descriptor from `first` on, as [`close_all_but`] does.
    pub(crate) fn close_others(&mut self, first: RawFd) -> Result<()> {
        close_all_but(first, &mut self.0)
    }
}

/// Closes every descriptor from `first` on but those in `keep`.
///
/// Really closed, not only marked: execve resolves `/proc/self/fd/N` before it closes what
/// is marked (CVE-2024-21626). The caller must own what it closes: this is for a process on
/// its way to exec.
pub(crate) fn close_all_but(first: RawFd, keep: &mut [RawFd]) -> Result<()> {
    keep.sort_unstable();
    let mut from = first;
    for &kept in keep.iter().filter(|&&kept| kept >= first) {
        if kept > from {
            close_range(from, kept - 1)?;
        }
        from = kept + 1;
    }
    close_range(from, RawFd::MAX)
}

fn close_range(first: RawFd, last: RawFd) -> Result<()> {
    // SAFETY: only numbers are passed. Descriptors that other values of this process own are
    // closed below them, which the contract of `close_all_but` allows: such a process runs no
    // destructor any more.
    let returned = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    check(returned, "close_range", format_args!("{first}, {last}, 0")).map(drop)
}

/// Puts `new` in the place of the open descriptor `old`, closed by execve.
pub(crate) fn replace(old: BorrowedFd<'_>, new: BorrowedFd<'_>) -> Result<()> {
    let (from, to) = (new.as_raw_fd(), old.as_raw_fd());
    // SAFETY: `to` is an open descriptor, and stays one: its owner now has another file under
    // the same number.
    let returned = unsafe { libc::dup3(from, to, libc::O_CLOEXEC) };
    check(returned.into(), "dup3", format_args!("{from}, {to}, O_CLOEXEC")).map(drop)
}

/// The same open file under a number of 10 or above, so that the low ones are free to be
/// given to a program.
pub(crate) fn lift(fd: OwnedFd) -> Result<OwnedFd> {
    let lifted = nix::fcntl::fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(10));
    let number = explain(lifted, "fcntl", format_args!("{}, F_DUPFD_CLOEXEC", fd.as_raw_fd()))?;
    drop(fd);
    Ok(owned(number.into()))
}

/// Puts a copy of `fd` at `number`, open across execve, over whatever was there.
pub(crate) fn dup_to(fd: BorrowedFd<'_>, number: RawFd) -> Result<()> {
    if fd.as_raw_fd() == number {
        let kept = nix::fcntl::fcntl(fd, FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()));
        return explain(kept, "fcntl", format_args!("{number}, F_SETFD, 0")).map(drop);
    }
    // SAFETY: as for `close_range`: only a process on its way to exec calls this, no
    // destructor follows.
    let returned = unsafe { libc::dup3(fd.as_raw_fd(), number, 0) };
    check(returned.into(), "dup3", format_args!("{}, {number}", fd.as_raw_fd())).map(drop)
}

/// A file in memory that nobody can change any more, for execution alone.
pub(crate) fn sealed_memfd(name: &CStr, bytes: &[u8], mode: u32) -> Result<OwnedFd> {
    /// Linux 6.3: say that this file is meant to be executed, else `vm.memfd_noexec=1` clears
    /// the mode bits.
    const MFD_EXEC: libc::c_uint = 0x10;
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    let memfd = match memfd_create(name, flags | MFD_EXEC) {
        // KERNEL(6.3): before, the flag is unknown and every memfd may be executed.
        Err(error) if error.errno() == Errno::EINVAL => memfd_create(name, flags)?,
        other => other?,
    };
    let mut file = File::from(memfd);
    write_all(&mut file, bytes)?;
    let mode = Mode::from_bits_truncate(mode);
    explain(stat::fchmod(&file, mode), "fchmod", format_args!("{mode:?}"))?;
    let seals = SealFlag::F_SEAL_WRITE
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_SEAL;
    let sealed = nix::fcntl::fcntl(&file, FcntlArg::F_ADD_SEALS(seals));
    explain(sealed, "fcntl", format_args!("{}, F_ADD_SEALS", file.as_raw_fd()))?;
    Ok(file.into())
}

/// A file in memory that can be written to and read.
pub(crate) fn memfd_of_data(name: &CStr) -> Result<OwnedFd> {
    /// Linux 6.3: `vm.memfd_noexec=2` allows no other.
    const MFD_NOEXEC_SEAL: libc::c_uint = 0x8;
    match memfd_create(name, libc::MFD_CLOEXEC | MFD_NOEXEC_SEAL) {
        // KERNEL(6.3): before, the flag is unknown, and so is that limit.
        Err(error) if error.errno() == Errno::EINVAL => memfd_create(name, libc::MFD_CLOEXEC),
        made => made,
    }
}

fn memfd_create(name: &CStr, flags: libc::c_uint) -> Result<OwnedFd> {
    // SAFETY: `name` is a C string that outlives the call.
    let returned = unsafe { libc::syscall(libc::SYS_memfd_create, name.as_ptr(), flags) };
    check(returned, "memfd_create", format_args!("{name:?}, {flags:#x}")).map(owned)
}

/// Whether `fd` is a memfd whose contents can never change.
pub(crate) fn is_write_sealed(fd: BorrowedFd<'_>) -> bool {
    nix::fcntl::fcntl(fd, FcntlArg::F_GET_SEALS)
        .is_ok_and(|seals| SealFlag::from_bits_truncate(seals).contains(SealFlag::F_SEAL_WRITE))
}

/// Opens the directory above `dir`, for file systems in which no directory can be moved: cgroupfs.
pub(crate) fn open_parent(dir: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let opened = nix::fcntl::openat(dir, c"..", flags, Mode::empty());
    explain(opened, "openat", format_args!("{}, \"..\", {flags:?}", dir.as_raw_fd()))
}

/// Reads the beginning of a file, also of one that was read before.
pub(crate) fn read_from_start(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    loop {
        match pread(fd, buffer, 0) {
            Err(Errno::EINTR) => {}
            read => return explain(read, "pread", format_args!("{}", fd.as_raw_fd())),
        }
    }
}

/// Takes charge of a descriptor that a system call just returned.
pub(super) fn owned(returned: libc::c_long) -> OwnedFd {
    let number = RawFd::try_from(returned).unwrap_or(-1);
    // SAFETY: callers pass what a successful call returned: a new descriptor, which nothing
    // else owns yet.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Tells, by becoming readable, that a file in `dir` was closed.
pub(crate) fn watch_close(dir: BorrowedFd<'_>) -> Result<OwnedFd> {
    use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
    let failed =
        |errno| Error::new("inotify_add_watch", format_args!("{}", dir.as_raw_fd()), errno);
    let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(failed)?;
    let path = format!("/proc/self/fd/{}", dir.as_raw_fd());
    watch.add_watch(path.as_str(), AddWatchFlags::IN_CLOSE).map_err(failed)?;
    Ok(watch.into())
}

/// Throws away what a nonblocking descriptor has to read.
pub(crate) fn drain(fd: BorrowedFd<'_>) {
    let mut buffer = [0; 512];
    while nix::unistd::read(fd, &mut buffer).is_ok_and(|read| read > 0) {}
}
