//! A profile as it is asked for, in the kernel's numbers: verdicts, and rules by the names of
//! system calls.

use super::condition::Condition;
use super::syscalls::{self, Finder, Part, Row};
use oci_spec::runtime::{LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSyscall};

// include/uapi/linux/seccomp.h
pub(super) const KILL_THREAD: u32 = 0;
const KILL_PROCESS: u32 = 0x8000_0000;
const TRAP: u32 = 0x0003_0000;
const ERRNO: u32 = 0x0005_0000;
const NOTIFY: u32 = 0x7fc0_0000;
const TRACE: u32 = 0x7ff0_0000;
const LOG: u32 = 0x7ffc_0000;
const ALLOW: u32 = 0x7fff_0000;

// include/uapi/asm-generic/errno.h
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// What calls are answered that are newer than the profile: as from a kernel that does not know
/// them, so that programs use their older ways.
pub(super) const NO_SUCH_CALL: u32 = ERRNO | ENOSYS;

/// What a profile says.
#[derive(Debug)]
pub(super) struct Profile<'a> {
    /// The verdict on calls that no rule is for.
    pub(super) default: u32,
    /// Whether the calls that are newer than all that the profile names get [`NO_SUCH_CALL`].
    pub(super) hides_newer_calls: bool,
    pub(super) rules: Vec<Rule>,
    /// Every system call that is named and known, in the order of the profile.
    pub(super) calls: Vec<Call<'a>>,
}

/// What is to happen to some calls.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) verdict: u32,
    /// The rule holds when all conditions of one of these hold. One without conditions always
    /// does.
    pub(super) alternatives: Vec<Vec<Condition>>,
}

/// A system call of a rule.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    pub(super) row: &'static Row,
    pub(super) part: Option<Part>,
    /// Which rule is about it; `None` if that changes nothing.
    pub(super) rule: Option<usize>,
}

impl<'a> Profile<'a> {
    pub(super) fn new(asked: &'a LinuxSeccomp) -> Self {
        let default = verdict(asked.default_action(), asked.default_errno_ret());
        let mut profile = Self {
            default,
            hides_newer_calls: !is_permissive(asked.default_action()),
            rules: Vec::new(),
            calls: Vec::new(),
        };
        let mut finder = Finder::default();
        for syscall in asked.syscalls().iter().flatten() {
            profile.add(syscall, &mut finder);
        }
        profile
    }

    fn add(&mut self, syscall: &'a LinuxSyscall, finder: &mut Finder) {
        let verdict = verdict(syscall.action(), syscall.errno_ret());
        // One that says what holds anyway is no rule: it does not stand against others.
        let rule = (verdict != self.default).then_some(self.rules.len());
        if rule.is_some() {
            let arguments = syscall.args().as_deref().unwrap_or_default();
            self.rules.push(Rule { verdict, alternatives: alternatives(arguments) });
        }
        for name in syscall.names() {
            // Nobody can call what no kernel has.
            if let Some(row) = finder.find(name) {
                self.calls.push(Call { name, row, part: syscalls::part(name), rule });
            }
        }
    }
}

/// All conditions must hold, unless two are about one argument: then one of all must, as runc and
/// crun read such a rule.
fn alternatives(arguments: &[LinuxSeccompArg]) -> Vec<Vec<Condition>> {
    let mut conditions: Vec<_> = arguments.iter().map(Condition::new).collect();
    conditions.sort_by_key(|condition| condition.argument);
    if conditions.windows(2).any(|two| two[0].argument == two[1].argument) {
        return conditions.into_iter().map(|condition| vec![condition]).collect();
    }
    vec![conditions]
}

/// Whether new system calls pass by default; a tracer may answer them as it likes.
fn is_permissive(action: LinuxSeccompAction) -> bool {
    use LinuxSeccompAction as Action;
    matches!(action, Action::ScmpActAllow | Action::ScmpActLog | Action::ScmpActTrace)
}

/// What a filter returns. What is given to a tracer has 16 bits (seccomp(2)).
fn verdict(action: LinuxSeccompAction, errno: Option<u32>) -> u32 {
    let errno = errno.unwrap_or(EPERM);
    match action {
        LinuxSeccompAction::ScmpActKill | LinuxSeccompAction::ScmpActKillThread => KILL_THREAD,
        LinuxSeccompAction::ScmpActKillProcess => KILL_PROCESS,
        LinuxSeccompAction::ScmpActTrap => TRAP,
        LinuxSeccompAction::ScmpActErrno => ERRNO | errno,
        LinuxSeccompAction::ScmpActNotify => NOTIFY,
        LinuxSeccompAction::ScmpActTrace => TRACE | errno,
        LinuxSeccompAction::ScmpActLog => LOG,
        LinuxSeccompAction::ScmpActAllow => ALLOW,
    }
}
