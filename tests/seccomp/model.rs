//! What a profile says, read plainly: the judge where libseccomp and we differ.

use crate::bpf::Call;
use crate::oracle::{self, Arch};
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;

/// include/uapi/linux/net.h and ipc.h.
const SOCKETCALL: [&str; 21] = [
    "",
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];
const IPC: [&str; 25] = [
    "",
    "semop",
    "semget",
    "semctl",
    "semtimedop",
    "",
    "",
    "",
    "",
    "",
    "",
    "msgsnd",
    "msgrcv",
    "msgget",
    "msgctl",
    "",
    "",
    "",
    "",
    "",
    "",
    "shmat",
    "shmdt",
    "shmget",
    "shmctl",
];

/// The calls that `name` may be a part of, with the selector.
pub(crate) fn part_of(name: &str) -> Option<(&'static str, u64)> {
    let find = |parts: &[&str]| parts.iter().position(|part| *part == name).map(|at| at as u64);
    find(&SOCKETCALL)
        .map(|selector| ("socketcall", selector))
        .or_else(|| find(&IPC).map(|selector| ("ipc", selector)))
}

/// The verdicts of all rules that hold for a call of this name. More than one: which of them wins
/// is libseccomp's to say.
pub(crate) fn verdicts(
    profile: &Value,
    arch: &Arch,
    name: &str,
    call: &Call,
) -> Result<BTreeSet<u32>> {
    let default = oracle::action(&profile["defaultAction"], &profile["defaultErrnoRet"])?;
    let mut found = BTreeSet::new();
    for rule in profile["syscalls"].as_array().into_iter().flatten() {
        let verdict = oracle::action(&rule["action"], &rule["errnoRet"])?;
        let names = rule["names"].as_array().context("names")?;
        for named in names.iter().filter_map(Value::as_str).filter(|_| verdict != default) {
            let selector = part_of(named).filter(|(whole, _)| *whole == name);
            if named != name && selector.is_none() {
                continue;
            }
            let selector = selector.map(|(_, selector)| selector);
            match holds(rule, arch, call, selector)? {
                Holds::Always => return Ok(BTreeSet::from([verdict])),
                Holds::Now => found.insert(verdict),
                Holds::Not => false,
            };
        }
    }
    if found.is_empty() {
        found.insert(default);
    }
    Ok(found)
}

enum Holds {
    /// It has no conditions.
    Always,
    Now,
    Not,
}

fn holds(rule: &Value, arch: &Arch, call: &Call, selector: Option<u64>) -> Result<Holds> {
    let width = arch.argument_mask();
    let mut arguments: Vec<&Value> = rule["args"].as_array().into_iter().flatten().collect();
    let indices: BTreeSet<_> = arguments.iter().map(|arg| arg["index"].as_u64()).collect();
    let is_any = indices.len() < arguments.len();
    if selector.is_some_and(|selector| call.arguments[0] & width != selector) {
        return Ok(Holds::Not);
    }
    let all = arguments.len();
    arguments.retain(|arg| selector.is_none() || arg["index"] != 0);
    let mut outcomes = Vec::new();
    for asked in &arguments {
        outcomes.push(condition(asked, width, call)?);
    }
    // Each of a rule's conditions on one argument is a rule; one on what selects the call is gone.
    let is_always = |outcome: &Option<bool>| outcome.is_none();
    let is_true = |outcome: &Option<bool>| outcome.unwrap_or(true);
    let freed = is_any && arguments.len() < all;
    let has_conditions = if is_any {
        !freed && !outcomes.iter().any(is_always)
    } else {
        !outcomes.iter().all(is_always)
    };
    let now =
        if is_any { freed || outcomes.iter().any(is_true) } else { outcomes.iter().all(is_true) };
    Ok(match (now, has_conditions || selector.is_some()) {
        (true, false) => Holds::Always,
        (true, true) => Holds::Now,
        (false, _) => Holds::Not,
    })
}

/// Whether a condition holds; `None` for one that always does.
fn condition(asked: &Value, width: u64, call: &Call) -> Result<Option<bool>> {
    let index = usize::try_from(asked["index"].as_u64().context("index")?)?;
    let (found, value) = (call.arguments[index] & width, asked["value"].as_u64().context("value")?);
    let (narrow, second) = (value & width, asked["valueTwo"].as_u64().unwrap_or(0));
    Ok(Some(match asked["op"].as_str().context("op")? {
        "SCMP_CMP_NE" => found != narrow,
        "SCMP_CMP_LT" => found < narrow,
        "SCMP_CMP_LE" => found <= narrow,
        "SCMP_CMP_EQ" => found == narrow,
        "SCMP_CMP_GE" => found >= narrow,
        "SCMP_CMP_GT" => found > narrow,
        _ if narrow == 0 => return Ok(None),
        _ => found & narrow == second & narrow,
    }))
}
