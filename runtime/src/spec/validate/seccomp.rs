//! config-linux.md, "Seccomp".

use super::absolute_path;
use crate::error::{Error, Result};
use oci_spec::runtime::{LinuxSeccomp, LinuxSeccompAction as Action, LinuxSyscall};

/// A system call has six arguments.
const LAST_ARGUMENT: usize = 5;

/// include/linux/err.h, `MAX_ERRNO`: to the kernel, what is above is no error.
const MAX_ERRNO: u32 = 4095;

/// A tracer gets 16 bits (`SECCOMP_RET_DATA`).
const MAX_DATA: u32 = 0xffff;

/// include/uapi/linux/un.h, `UNIX_PATH_MAX`, with the closing NUL.
const UNIX_PATH_MAX: usize = 108;

pub(crate) fn check(seccomp: &LinuxSeccomp) -> Result<()> {
    let action = seccomp.default_action();
    if action == Action::ScmpActNotify {
        let reason = "the call by which the agent is told of it would wait for the agent";
        return Err(Error::invalid("linux.seccomp.defaultAction", action, reason));
    }
    errno("linux.seccomp.defaultErrnoRet", action, seccomp.default_errno_ret())?;
    for (number, rule) in seccomp.syscalls().iter().flatten().enumerate() {
        syscall(&format!("linux.seccomp.syscalls[{number}]"), rule)?;
    }
    listener(seccomp)
}

fn syscall(field: &str, rule: &LinuxSyscall) -> Result<()> {
    let names = format!("{field}.names");
    if rule.names().is_empty() {
        return Err(Error::invalid(names, "[]", "must have at least one entry"));
    }
    if rule.names().iter().any(String::is_empty) {
        return Err(Error::invalid(names, "\"\"", "not the name of a system call"));
    }
    // The call by which init tells its parent that there is an agent to be told.
    let is_needed = |name: &String| name == "write";
    if rule.action() == Action::ScmpActNotify && rule.names().iter().any(is_needed) {
        let reason = "must not be SCMP_ACT_NOTIFY: it is needed to tell the agent";
        return Err(Error::invalid(names, "\"write\"", reason));
    }
    errno(&format!("{field}.errnoRet"), rule.action(), rule.errno_ret())?;
    for argument in rule.args().iter().flatten().filter(|arg| arg.index() > LAST_ARGUMENT) {
        let reason = format!("not within 0 and {LAST_ARGUMENT}");
        return Err(Error::invalid(format!("{field}.args.index"), argument.index(), reason));
    }
    Ok(())
}

fn errno(field: &str, action: Action, errno: Option<u32>) -> Result<()> {
    let Some(errno) = errno else { return Ok(()) };
    let most = match action {
        Action::ScmpActErrno => MAX_ERRNO,
        Action::ScmpActTrace => MAX_DATA,
        _ => return Err(Error::invalid(field, errno, format!("{action} returns none"))),
    };
    if errno > most {
        return Err(Error::invalid(field, errno, format!("not within 0 and {most}")));
    }
    Ok(())
}

fn listener(seccomp: &LinuxSeccomp) -> Result<()> {
    let field = "linux.seccomp.listenerPath";
    let path = seccomp.listener_path().as_ref().filter(|path| !path.as_os_str().is_empty());
    let has_text = |text: &&String| !text.is_empty();
    if let Some(metadata) = seccomp.listener_metadata().as_ref().filter(has_text)
        && path.is_none()
    {
        let value = format!("{metadata:?}");
        let reason = "there is no listenerPath to send it to";
        return Err(Error::invalid("linux.seccomp.listenerMetadata", value, reason));
    }
    let mut rules = seccomp.syscalls().iter().flatten();
    if !rules.any(|rule| rule.action() == Action::ScmpActNotify) {
        // The specification has the path ignored then.
        return Ok(());
    }
    let Some(path) = path else {
        return Err(Error::invalid(field, "missing", "SCMP_ACT_NOTIFY needs an agent"));
    };
    absolute_path(field, path)?;
    if path.as_os_str().len() >= UNIX_PATH_MAX {
        let value = format!("{:?}", path.display());
        return Err(Error::invalid(field, value, "longer than the 107 bytes of a socket's path"));
    }
    Ok(())
}
