//! From a process of the runtime to one of the container: session, user, capabilities, limits,
//! program.

use super::{Init, gate, terminal};
use crate::link::ToParent;
use crate::plan::{Executable, Stdio, User};
use crate::sys::file::{OFlag, SFlag};
use crate::sys::identity::Ids;
use crate::sys::{Errno, Error, Result, descriptor, file, identity, process};
use std::ffi::CStr;
use std::os::fd::AsFd;

/// Becomes root of the user namespace, once that has ids: what this process makes from now on must
/// belong to somebody there.
pub(super) fn become_root(init: &Init<'_>) -> Result<()> {
    match init.plan.namespaces.user {
        User::Host => return Ok(()),
        User::New(_) => {
            ToParent::MapIds.send(init.link.as_fd())?;
            init.wait_for_parent()?;
        }
        User::Joined(_) | User::Pods(_) => {}
    }
    let groups = init.plan.process.identity.groups.as_ref().map(|_| &[][..]);
    identity::become_user(Ids::all(0), Ids::all(0), groups)?;
    // As below.
    identity::set_not_dumpable()
}

/// A session of its own; and from here on nothing of the host is open any more, so that no path of
/// the plan can lead there by `/proc/self/fd` (CVE-2024-21626).
pub(super) fn session(init: &Init<'_>) -> Result<()> {
    process::setsid()?;
    terminal::control(init)?;
    gate::close_all_but_links(init)
}

/// Gives up what the plan does not grant. The order is the kernel's: the bounding set needs
/// `CAP_SETPCAP`, changing ids needs `CAP_SETUID`, and keeping capabilities across that needs
/// `PR_SET_KEEPCAPS`.
pub(super) fn become_user(init: &Init<'_>) -> Result<()> {
    let user = &init.plan.process.identity;
    let sets = &user.capabilities;
    give_stdio(init)?;
    identity::limit_bounding_set(sets.bounding)?;
    identity::set_keepcaps(true)?;
    identity::become_user(user.uid, user.gid, user.groups.as_deref())?;
    identity::set_keepcaps(false)?;
    identity::capset(sets)?;
    identity::set_ambient(sets.ambient)?;
    file::umask(user.umask);
    if init.plan.process.no_new_privileges {
        identity::set_no_new_privs()?;
    }
    // A change of ids leaves this at what /proc/sys/fs/suid_dumpable says, which may be 1 or 2.
    identity::set_not_dumpable()
}

/// Lets the user open its own stdio again, as `/dev/stdout`. Only what is the container's or nobody
/// else's is given away, a pipe or its terminal: a file, a device or a terminal of the host, which
/// the caller has redirected stdio to, stays the host's (CVE-2026-88265).
fn give_stdio(init: &Init<'_>) -> Result<()> {
    let uid = init.plan.process.identity.uid.effective;
    let is_terminal = match init.plan.process.stdio {
        Stdio::Inherited => false,
        Stdio::Terminal(_) => true,
        Stdio::Closed => return Ok(()),
    };
    for stream in descriptor::stdio() {
        let stat = file::fstat(stream)?;
        let may_be_given = is_terminal || file::kind_of(&stat) == SFlag::S_IFIFO;
        if may_be_given && stat.st_uid != uid {
            match file::fchown(stream, uid) {
                Err(error) if may_stay(error.errno()) => {}
                given => given?,
            }
        }
    }
    Ok(())
}

/// Its owner is nobody in this user namespace, or it is on a file system that nobody may change.
fn may_stay(errno: Errno) -> bool {
    matches!(errno, Errno::EPERM | Errno::EINVAL | Errno::EROFS)
}

/// Finds the program before anybody is told that the container is created: that it is missing is
/// then an error of `create`, with the name that was looked for.
pub(super) fn find_executable(init: &Init<'_>) -> Result<()> {
    let Executable::Search(candidates) = &init.plan.process.executable else { return Ok(()) };
    let mut worst = Errno::ENOENT;
    for (number, candidate) in candidates.iter().enumerate() {
        let found = file::is_executable(candidate).and_then(|()| file::stat(candidate));
        match found {
            Ok(stat) if file::is_regular(&stat) => {
                init.executable.set(number);
                return Ok(());
            }
            Ok(_) => worst = Errno::EACCES,
            Err(error) if error.errno() == Errno::EACCES => worst = Errno::EACCES,
            Err(_) => {}
        }
    }
    let argv = init.plan.process.argv.as_slice();
    let name = argv.first().map_or(c"", |name| name.as_c_str());
    Err(Error::new("execve", format_args!("{name:?}"), worst))
}

/// Takes limits down to what was asked for. The parent has raised what had to be raised, which
/// needs the host's `CAP_SYS_RESOURCE`; lowering earlier could have starved this process itself
/// of descriptors.
pub(super) fn limits(init: &Init<'_>) -> Result<()> {
    init.each(&init.plan.process.limits, |_, resource| {
        identity::prlimit(0, resource.number, Some(&resource.limit)).map(drop)
    })
}

/// Becomes the program; returns only if that failed.
pub(super) fn exec(init: &Init<'_>) -> Error {
    let process = &init.plan.process;
    match (&process.executable, &init.sources.program) {
        (Executable::Search(candidates), _) => match candidates.get(init.executable.get()) {
            Some(path) => match process::execve(path, &process.argv, &process.envp) {
                error if error.errno() == Errno::ENOENT => missing(path).unwrap_or(error),
                error => error,
            },
            None => Error::new("execve", format_args!("no candidate"), Errno::ENOENT),
        },
        (Executable::Pause, Some(program)) => {
            process::execveat(program.as_fd(), &process.argv, &process.envp)
        }
        (Executable::Pause, None) => {
            Error::new("execveat", format_args!("no program"), Errno::EBADF)
        }
    }
}

/// Why a program that is there is not found: a script whose interpreter is missing.
fn missing(path: &CStr) -> Option<Error> {
    let mut start = [0; 64];
    let file = file::open(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK).ok()?;
    let read = file::read_from_start(file.as_fd(), &mut start).ok()?;
    let line = start[..read].strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let name = std::str::from_utf8(line).ok()?.split_whitespace().next()?;
    Some(Error::new(
        "execve",
        format_args!("{path:?}, for its interpreter {name:?}"),
        Errno::ENOENT,
    ))
}
