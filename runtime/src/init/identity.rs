//! From a process of the runtime to one of the container: session, user, capabilities, limits,
//! filter, program.

use super::{Init, gate};
use crate::plan::Executable;
use crate::sys::{Errno, Error, Result, file, identity, process, seccomp as filter};
use std::os::fd::AsFd;

/// A session of its own; and from here on nothing of the host is open any more, so that no path of
/// the plan can lead there by `/proc/self/fd` (CVE-2024-21626).
pub(super) fn session(init: &Init<'_>) -> Result<()> {
    process::setsid()?;
    gate::close_all_but_links(init)
}

/// Gives up what the plan does not grant. The order is the kernel's: the bounding set needs
/// `CAP_SETPCAP`, changing ids needs `CAP_SETUID`, and keeping capabilities across that needs
/// `PR_SET_KEEPCAPS`.
pub(super) fn become_user(init: &Init<'_>) -> Result<()> {
    let user = &init.plan.process.identity;
    let sets = &user.capabilities;
    identity::limit_bounding_set(sets.bounding)?;
    identity::set_keepcaps(true)?;
    identity::become_user(user.uid, user.gid, &user.groups)?;
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

pub(super) fn seccomp(init: &Init<'_>) -> Result<()> {
    match &init.plan.process.seccomp {
        Some(program) => filter::set_filter(&program.program, program.flags),
        None => Ok(()),
    }
}

/// Becomes the program; returns only if that failed.
pub(super) fn exec(init: &Init<'_>) -> Error {
    let process = &init.plan.process;
    match (&process.executable, &init.sources.program) {
        (Executable::Search(candidates), _) => match candidates.get(init.executable.get()) {
            Some(path) => process::execve(path, &process.argv, &process.envp),
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
