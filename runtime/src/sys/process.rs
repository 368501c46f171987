//! Processes: clone3, pidfds, waiting, exec.

use super::error::{Error, Result, check, explain};
use super::file::owned;
use super::signal::name;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::SigSet;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

pub(crate) use nix::sched::CloneFlags;

pub(crate) const SIGKILL: i32 = libc::SIGKILL;
pub(crate) const SIGTERM: i32 = libc::SIGTERM;

/// Linux 5.7. libc's constant of that name is an int, into which this bit does not fit.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// A process that this one, or one on its behalf, has made, and that it must reap.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: i32,
    pub(crate) pidfd: OwnedFd,
}

/// Which of the two processes a [`clone3`] returned in.
#[derive(Debug)]
pub(crate) enum Cloned {
    Parent(Child),
    Child,
}

/// What the new process of a [`clone3`] shares, and where it is born.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Birth<'a> {
    /// `CLONE_NEW*`, and `CLONE_PARENT` to make the new process a sibling.
    pub(crate) flags: CloneFlags,
    /// The cgroup that it is born in. A later write to `cgroup.procs` costs milliseconds.
    pub(crate) cgroup: Option<BorrowedFd<'a>>,
}

#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Clones this process, memory and all, as fork does.
///
/// Refuses with `EINVAL` if this process has more than one thread: another one might hold a lock,
/// of the allocator's say, that nobody would ever let go in the child.
pub(crate) fn clone3(birth: Birth<'_>) -> Result<Cloned> {
    // CLONE_THREAD, without effect on a process with one thread, is refused for one with
    // more (unshare(2)).
    super::namespace::unshare(CloneFlags::CLONE_THREAD)?;
    let mut pidfd: libc::c_int = -1;
    let mut args = CloneArgs {
        flags: u64::from(birth.flags.bits().cast_unsigned()) | libc::CLONE_PIDFD as u64,
        pidfd: (&raw mut pidfd) as u64,
        ..CloneArgs::default()
    };
    // With CLONE_PARENT the child takes the exit signal of the process that it
    // becomes a sibling of.
    if !birth.flags.contains(CloneFlags::CLONE_PARENT) {
        args.exit_signal = libc::SIGCHLD as u64;
    }
    if let Some(cgroup) = birth.cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(cgroup.as_raw_fd().cast_unsigned());
    }
    // SAFETY: without CLONE_VM the child runs on a copy of this memory, and with one thread,
    // checked above, no lock in it is held by a thread that the copy lacks. `args` has its C
    // layout; `pidfd` outlives the call.
    let returned =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<CloneArgs>()) };
    let pid = check(returned, "clone3", format_args!("{:?}", birth.flags))?;
    if pid == 0 {
        return Ok(Cloned::Child);
    }
    let pid = i32::try_from(pid).unwrap_or(-1);
    Ok(Cloned::Parent(Child { pid, pidfd: owned(pidfd.into()) }))
}

/// A pidfd of the process that has the number `pid` now.
pub(crate) fn pidfd_open(pid: i32) -> Result<OwnedFd> {
    // SAFETY: only numbers are passed.
    let returned = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    check(returned, "pidfd_open", format_args!("{pid}, 0")).map(owned)
}

pub(crate) fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> Result<()> {
    let info = std::ptr::null::<libc::siginfo_t>();
    let fd = pidfd.as_raw_fd();
    // SAFETY: a null siginfo is allowed, and `pidfd` is open for the whole call.
    let returned = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, info, 0) };
    check(returned, "pidfd_send_signal", format_args!("{fd}, {signal}")).map(drop)
}

/// A copy of the descriptor `number` of another process.
pub(crate) fn pidfd_getfd(pidfd: BorrowedFd<'_>, number: i32) -> Result<OwnedFd> {
    let fd = pidfd.as_raw_fd();
    // SAFETY: only numbers are passed, and `pidfd` is open for the whole call.
    let returned = unsafe { libc::syscall(libc::SYS_pidfd_getfd, fd, number, 0) };
    check(returned, "pidfd_getfd", format_args!("{fd}, {number}")).map(owned)
}

/// include/uapi/linux/pidfd.h, as it was in Linux 6.15; later ones add to its end.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    /// Ids of the process and of its user.
    ids: [u32; 11],
    exit_code: i32,
}

const PIDFD_INFO_EXIT: u64 = 1 << 3;

/// `_IOWR(0xFF, 11, struct pidfd_info)`
const PIDFD_GET_INFO: libc::Ioctl = 0xC040_FF0B;

/// How a process has ended that was reaped, as `wait(2)` encodes it; `None` if it was not.
///
/// KERNEL(6.15): the kernel does not tell before, and says `ENOTTY`, `EINVAL` or `ESRCH`.
pub(crate) fn wait_status_of(pidfd: BorrowedFd<'_>) -> Result<Option<i32>> {
    let fd = pidfd.as_raw_fd();
    let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..PidfdInfo::default() };
    // SAFETY: `info` has the size that is part of the request, and is written to by nobody else.
    let returned = unsafe { libc::ioctl(fd, PIDFD_GET_INFO, &raw mut info) };
    check(returned.into(), "ioctl", format_args!("{fd}, PIDFD_GET_INFO"))?;
    Ok((info.mask & PIDFD_INFO_EXIT != 0).then_some(info.exit_code))
}

/// The exit code that stands for the end of a process as `wait(2)` encodes it.
pub(crate) fn exit_code_of(wait_status: i32) -> u8 {
    let [signal, code, ..] = wait_status.to_le_bytes();
    match signal & 0x7f {
        0 => code,
        signal => BY_SIGNAL + signal,
    }
}

/// What is added to the number of a signal.
const BY_SIGNAL: u8 = 128;

/// Whether the process has ended, a zombie included.
pub(crate) fn has_ended(pidfd: BorrowedFd<'_>) -> Result<bool> {
    Ok(super::poll::readable(&[pidfd], Some(std::time::Instant::now()))?[0])
}

/// Waits for the end of a child of this process, reaps it and says how it ended.
pub(crate) fn wait(pidfd: BorrowedFd<'_>) -> Result<WaitStatus> {
    loop {
        match waitid(Id::PIDFd(pidfd), WaitPidFlag::WEXITED) {
            Err(Errno::EINTR) => {}
            result => {
                return explain(result, "waitid", format_args!("P_PIDFD, {}", pidfd.as_raw_fd()));
            }
        }
    }
}

/// Ends this process without running anything of it any more.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` runs no destructor and no exit handler; nothing in this process is
    // used after it.
    unsafe { libc::_exit(status) }
}

/// The number of this process, as its PID namespace has it.
pub(crate) fn this_pid() -> i32 {
    nix::unistd::getpid().as_raw()
}

pub(crate) fn setsid() -> Result<()> {
    explain(nix::unistd::setsid(), "setsid", format_args!("")).map(drop)
}

/// Gives every signal its default action and unblocks all.
///
/// execve keeps what is ignored, and Rust's runtime ignores SIGPIPE before `main`; so do some
/// callers, and a `posix_spawn` of theirs may leave libc's own two signals ignored. The raw call,
/// since libc refuses to touch those.
pub(crate) fn reset_signals() -> Result<()> {
    // struct sigaction of the kernel: handler SIG_DFL, no flags, no restorer, an empty mask.
    let default = [0_u64; 4];
    let none = std::ptr::null::<u64>();
    for number in 1..=LAST_SIGNAL {
        let size = size_of::<u64>();
        // SAFETY: the kernel reads a sigaction and writes none. SIG_DFL installs no handler. For
        // SIGKILL and SIGSTOP the call fails, which cannot have been changed.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, number, default.as_ptr(), none, size) };
    }
    let unblocked = SigSet::empty().thread_set_mask();
    explain(unblocked, "rt_sigprocmask", format_args!("SIG_SETMASK, []"))
}

/// `_NSIG` of the kernel.
const LAST_SIGNAL: libc::c_int = 64;

/// Makes this process the parent of those of its descendants whose parents end.
pub(crate) fn set_child_subreaper() -> Result<()> {
    let set = prctl::set_child_subreaper(true);
    explain(set, "prctl", format_args!("PR_SET_CHILD_SUBREAPER, 1"))
}

/// Reaps the children that have ended but for `other`; false if there are no children any more.
pub(crate) fn reap_all_but(other: i32) -> Result<bool> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
    loop {
        let ended = match waitid(Id::All, flags | WaitPidFlag::WNOWAIT) {
            Err(Errno::ECHILD) => return Ok(false),
            result => explain(result, "waitid", format_args!("P_ALL"))?,
        };
        let Some(pid) = ended.pid().filter(|pid| pid.as_raw() != other) else { return Ok(true) };
        explain(waitid(Id::Pid(pid), flags), "waitid", format_args!("P_PID, {pid}"))?;
    }
}

/// The exit code that stands for the end of a process: its own, or 128 and the signal.
pub(crate) fn exit_code(status: WaitStatus) -> u8 {
    match status {
        WaitStatus::Exited(_, code) => code.to_le_bytes()[0],
        WaitStatus::Signaled(_, signal, _) => BY_SIGNAL + (signal as i32).to_le_bytes()[0],
        _ => BY_SIGNAL,
    }
}

/// Strings in the form that execve takes them.
#[derive(Default)]
pub(crate) struct Strings {
    owned: Vec<CString>,
    pointers: Vec<Cell<*const libc::c_char>>,
    /// Room for those that are not known yet, and how much of it is taken.
    room: Vec<Cell<u8>>,
    taken: Cell<usize>,
    added: Cell<usize>,
}

impl Strings {
    pub(crate) fn new(owned: Vec<CString>) -> Self {
        // The last one is the end; those before it may yet become strings.
        let ends = [std::ptr::null(); Self::MOST_ADDED + 1];
        let pointers = owned.iter().map(|s| s.as_ptr()).chain(ends).map(Cell::new).collect();
        Self { owned, pointers, ..Self::default() }
    }

    /// How many strings may be added to those that are known at first.
    const MOST_ADDED: usize = 2;

    /// With room for one more string, of at most `len` bytes.
    pub(crate) fn with_room(mut self, len: usize) -> Self {
        self.room.resize(self.room.len() + len + 1, Cell::new(0));
        self
    }

    /// Without the variable of that name. Nothing has been added yet.
    pub(crate) fn without(self, name: &[u8]) -> Self {
        let Self { mut owned, room, .. } = self;
        owned.retain(|one| one.to_bytes().split(|byte| *byte == b'=').next() != Some(name));
        Self { room, ..Self::new(owned) }
    }

    /// With more strings at the end. Nothing has been added yet.
    pub(crate) fn and(self, more: Vec<CString>) -> Self {
        let Self { owned, room, .. } = self;
        Self { room, ..Self::new(owned.into_iter().chain(more).collect()) }
    }

    /// Adds the string that `parts` make, where there is room for it. It allocates nothing.
    pub(crate) fn add(&self, parts: [&[u8]; 2]) -> Result<()> {
        let bytes = || parts.into_iter().flatten().copied();
        let room = self.room.get(self.taken.get()..).unwrap_or_default();
        let at = self.owned.len() + self.added.get();
        let len = bytes().count();
        if len >= room.len() || self.added.get() == Self::MOST_ADDED || bytes().any(|b| b == 0) {
            return Err(Error::new("execve", format_args!("no room"), Errno::ENAMETOOLONG));
        }
        for (to, from) in room.iter().zip(bytes().chain([0])) {
            to.set(from);
        }
        if let Some(end) = self.pointers.get(at) {
            end.set(room.as_ptr().cast());
        }
        self.taken.set(self.taken.get() + len + 1);
        self.added.set(self.added.get() + 1);
        Ok(())
    }

    fn as_ptr(&self) -> *const *const libc::c_char {
        self.pointers.as_ptr().cast()
    }

    pub(crate) fn as_slice(&self) -> &[CString] {
        &self.owned
    }
}

impl std::fmt::Debug for Strings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.owned.fmt(f)
    }
}

/// Becomes the program at `path`. Returns only if it could not.
pub(crate) fn execve(path: &CStr, argv: &Strings, envp: &Strings) -> Error {
    // SAFETY: `Strings` ends its array with null, and owns what the pointers before that point to.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    Error::new("execve", format_args!("{path:?}"), Errno::last())
}

/// Becomes the program in the open file `fd`. Returns only if it could not.
pub(crate) fn execveat(fd: BorrowedFd<'_>, argv: &Strings, envp: &Strings) -> Error {
    let (number, flags) = (fd.as_raw_fd(), libc::AT_EMPTY_PATH);
    let (argv, envp) = (argv.as_ptr(), envp.as_ptr());
    // SAFETY: as for `execve`; the path is an empty C string, which names `fd` itself.
    unsafe { libc::syscall(libc::SYS_execveat, number, c"".as_ptr(), argv, envp, flags) };
    Error::new("execveat", format_args!("{number}, \"\", AT_EMPTY_PATH"), Errno::last())
}

/// The signal that ended a process, or its exit status.
pub(crate) fn describe(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(_, code) => format!("exited with status {code}"),
        WaitStatus::Signaled(_, signal, _) => format!("was killed by {}", name(signal as i32)),
        other => format!("changed state: {other:?}"),
    }
}

/// Borrows the pidfd of a child.
impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::Signal;

    /// As execve reads them.
    fn read(strings: &Strings) -> Vec<String> {
        let mut found = Vec::new();
        for at in 0.. {
            let place = strings.as_ptr().wrapping_add(at);
            // SAFETY: the array ends with null, where this stops.
            let pointer = unsafe { *place };
            if pointer.is_null() {
                break;
            }
            // SAFETY: every pointer before null is one to a C string that `strings` owns.
            found.push(unsafe { CStr::from_ptr(pointer) }.to_str().unwrap().to_owned());
        }
        found
    }

    #[test]
    fn a_string_is_added_where_there_is_room() {
        let strings = Strings::new(vec![c"A=1".to_owned()]).with_room(7);
        assert_eq!(read(&strings), ["A=1"]);
        assert!(strings.add([b"HOME=", b"/too/long"]).is_err());
        assert!(strings.add([b"HOME=", b"\0"]).is_err());
        assert_eq!(read(&strings), ["A=1"]);
        strings.add([b"HOME=", b"/x"]).unwrap();
        assert_eq!(read(&strings), ["A=1", "HOME=/x"]);
        let strings = Strings::new(vec![c"A=1".to_owned()]).with_room(7).and(vec![c"B".to_owned()]);
        strings.add([b"HOME=", b"/x"]).unwrap();
        assert_eq!(read(&strings), ["A=1", "B", "HOME=/x"]);
        assert!(Strings::new(Vec::new()).add([b"", b""]).is_err());
        let strings = Strings::new(Vec::new()).with_room(3).with_room(3);
        strings.add([b"A=", b"1"]).unwrap();
        strings.add([b"B=", b"2"]).unwrap();
        assert!(strings.add([b"", b""]).is_err());
        assert_eq!(read(&strings), ["A=1", "B=2"]);
    }

    #[test]
    fn an_exit_code_tells_of_a_signal() {
        let pid = nix::unistd::Pid::from_raw(1);
        assert_eq!(exit_code(WaitStatus::Exited(pid, 255)), 255);
        assert_eq!(exit_code(WaitStatus::Signaled(pid, Signal::SIGKILL, true)), 137);
    }
}
