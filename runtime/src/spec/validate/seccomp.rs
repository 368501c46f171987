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
    let mut arguments = rule.args().iter().flatten();
    if let Some(argument) = arguments.find(|argument| argument.index() > LAST_ARGUMENT) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn refusal(change: impl FnOnce(&mut Value)) -> String {
        let mut profile = json!({ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            { "names": ["mkdir"], "action": "SCMP_ACT_ALLOW" },
        ] });
        check(&serde_json::from_value(profile.clone()).unwrap()).unwrap();
        change(&mut profile);
        check(&serde_json::from_value(profile).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn each_rule_of_the_specification_is_named_with_its_value() {
        let field = |name: &str, value: Value, said: &str| {
            let found = refusal(|profile| profile[name] = value);
            assert!(found.starts_with(&format!("linux.seccomp.{said}")), "{found}");
        };
        field("defaultAction", json!("SCMP_ACT_NOTIFY"), "defaultAction: SCMP_ACT_NOTIFY: ");
        field("defaultErrnoRet", json!(4096), "defaultErrnoRet: 4096: not within 0 and 4095");
        field("listenerMetadata", json!("x"), "listenerMetadata: \"x\": there is no listenerPath");

        let rule = |name: &str, value: Value, said: &str| {
            let found = refusal(|profile| profile["syscalls"][0][name] = value);
            assert!(found.starts_with(&format!("linux.seccomp.{said}")), "{found}");
        };
        rule("names", json!([]), "syscalls[0].names: []: must have at least one entry");
        rule("names", json!([""]), "syscalls[0].names: \"\": ");
        rule("errnoRet", json!(1), "syscalls[0].errnoRet: 1: SCMP_ACT_ALLOW returns none");
        rule("action", json!("SCMP_ACT_NOTIFY"), "listenerPath: missing: ");
        let argument = json!([{ "index": 6, "value": 0, "op": "SCMP_CMP_EQ" }]);
        rule("args", argument, "syscalls[0].args.index: 6: not within 0 and 5");
    }

    #[test]
    fn a_tracer_may_be_given_16_bits() {
        let with = |action: &str, errno: u32| {
            let rule = json!({ "names": ["mkdir"], "action": action, "errnoRet": errno });
            let profile = json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule] });
            check(&serde_json::from_value(profile).unwrap())
        };
        assert!(with("SCMP_ACT_TRACE", 0xffff).is_ok() && with("SCMP_ACT_ERRNO", 4095).is_ok());
        assert!(with("SCMP_ACT_TRACE", 0x1_0000).is_err());
        assert!(with("SCMP_ACT_ERRNO", 4096).is_err());
    }

    #[test]
    fn the_call_that_tells_the_agent_must_not_wait_for_it() {
        let notify = |name: &str, path: &str| {
            let rule = json!({ "names": ["mkdir", name], "action": "SCMP_ACT_NOTIFY" });
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path, "syscalls": [rule] })
        };
        let check = |profile| check(&serde_json::from_value(profile).unwrap());
        assert!(check(notify("close", "/run/agent")).is_ok());
        let long = format!("/{}", "x".repeat(107));
        for profile in [notify("write", "/run/agent"), notify("a", "agent"), notify("a", &long)] {
            assert!(check(profile.clone()).is_err(), "{profile}");
        }
    }
}
