//! Which devices a container may use: the rules of `linux.resources.devices`, folded into what
//! remains of them.

use crate::error::{Error, Result};
use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType};
use std::fmt;

/// Rules in rising order of precedence: of each kind of access, the last rule that speaks of a
/// device decides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DeviceRules {
    pub(crate) rules: Vec<Rule>,
    /// What holds where no rule does.
    pub(crate) otherwise: Verdict,
}

/// One rule.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) verdict: Verdict,
    pub(crate) devices: Devices,
    /// Of [`READ`], [`WRITE`] and [`MKNOD`].
    pub(crate) access: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow,
    Deny,
}

/// What a rule is about; `None` stands for all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Devices {
    pub(crate) kind: Option<Kind>,
    pub(crate) major: Option<u32>,
    pub(crate) minor: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Block,
    Character,
}

// include/uapi/linux/bpf.h: BPF_DEVCG_ACC_*
pub(crate) const MKNOD: u8 = 1;
pub(crate) const READ: u8 = 2;
pub(crate) const WRITE: u8 = 4;
const ALL: u8 = MKNOD | READ | WRITE;

const EVERYTHING: Devices = Devices { kind: None, major: None, minor: None };

/// What every container may make: a node is of no use to it unless it may open it too. It yields to
/// whatever config.json says of a device.
const NODES: [Rule; 2] = [
    Rule { verdict: Verdict::Allow, devices: of(Kind::Character, None, None), access: MKNOD },
    Rule { verdict: Verdict::Allow, devices: of(Kind::Block, None, None), access: MKNOD },
];

/// config-linux.md, "Default Devices", and the terminals of a devpts: what every container has,
/// whatever config.json says. null, zero, full, random, urandom; tty, ptmx; pts/*. A console is one
/// of the last.
const DEFAULT: [Devices; 8] = [
    of(Kind::Character, Some(1), Some(3)),
    of(Kind::Character, Some(1), Some(5)),
    of(Kind::Character, Some(1), Some(7)),
    of(Kind::Character, Some(1), Some(8)),
    of(Kind::Character, Some(1), Some(9)),
    of(Kind::Character, Some(5), Some(0)),
    of(Kind::Character, Some(5), Some(2)),
    of(Kind::Character, Some(136), None),
];

const fn of(kind: Kind, major: Option<u32>, minor: Option<u32>) -> Devices {
    Devices { kind: Some(kind), major, minor }
}

impl DeviceRules {
    /// Folds the rules of config.json. Without any, nothing may be used but the default devices, as
    /// under runc.
    pub(super) fn build(asked: &[LinuxDeviceCgroup]) -> Result<Self> {
        let mut folded = Self { rules: NODES.to_vec(), otherwise: Verdict::Deny };
        for (number, rule) in asked.iter().enumerate() {
            folded.apply(rule_of(number, rule)?);
        }
        if !folded.allows_all() {
            let default = DEFAULT.into_iter();
            let allowed = |devices| Rule { verdict: Verdict::Allow, devices, access: ALL };
            folded.rules.extend(default.map(allowed));
            folded.simplify();
        }
        Ok(folded)
    }

    /// Whether there is nothing to enforce.
    pub(crate) fn allows_all(&self) -> bool {
        self.otherwise == Verdict::Allow && self.rules.is_empty()
    }

    /// A rule for everything makes all before it void.
    fn apply(&mut self, rule: Rule) {
        if rule.devices != EVERYTHING || rule.access != ALL {
            self.rules.push(rule);
            return;
        }
        self.otherwise = rule.verdict;
        self.rules = match rule.verdict {
            Verdict::Allow => Vec::new(),
            Verdict::Deny => NODES.to_vec(),
        };
    }

    /// Takes out what has no effect, so that lists of the same meaning are mostly the same list,
    /// and share a program.
    fn simplify(&mut self) {
        let mut kept: Vec<Rule> = Vec::new();
        for mut rule in std::mem::take(&mut self.rules).into_iter().rev() {
            // What a later rule for just these devices says.
            let same = kept.iter().filter(|later| later.devices == rule.devices);
            rule.access &= !same.fold(0, |access, later| access | later.access);
            if rule.access != 0 {
                kept.push(rule);
            }
        }
        kept.reverse();
        let first = kept.iter().position(|rule| rule.verdict != self.otherwise);
        kept.drain(..first.unwrap_or(kept.len()));
        // Among rules of one verdict order means nothing.
        if kept.iter().all(|rule| rule.verdict != self.otherwise) {
            kept.sort_by_key(|rule| rule.devices);
            kept.dedup_by(merge);
        }
        self.rules = kept;
    }
}

/// Takes what `later` gives into `first` if both are about the same devices.
fn merge(later: &mut Rule, first: &mut Rule) -> bool {
    let are_same = later.devices == first.devices;
    if are_same {
        first.access |= later.access;
    }
    are_same
}

fn rule_of(number: usize, rule: &LinuxDeviceCgroup) -> Result<Rule> {
    let field = |name: &str| format!("linux.resources.devices[{number}].{name}");
    let kind = match rule.typ().unwrap_or(LinuxDeviceType::A) {
        LinuxDeviceType::A => None,
        LinuxDeviceType::B => Some(Kind::Block),
        LinuxDeviceType::C => Some(Kind::Character),
        other @ (LinuxDeviceType::U | LinuxDeviceType::P) => {
            let reason = "not one of a, b and c";
            return Err(Error::invalid(field("type"), format!("{:?}", other.as_str()), reason));
        }
    };
    let devices = Devices {
        kind,
        major: device_number(field("major"), rule.major())?,
        minor: device_number(field("minor"), rule.minor())?,
    };
    let access = access(field("access"), rule.access().as_deref().unwrap_or_default())?;
    let verdict = if rule.allow() { Verdict::Allow } else { Verdict::Deny };
    Ok(Rule { verdict, devices, access })
}

/// −1 stands for all, as it does in the Go types that most of these lists come from.
fn device_number(field: String, number: Option<i64>) -> Result<Option<u32>> {
    match number {
        None | Some(-1) => Ok(None),
        Some(number) => match u32::try_from(number) {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Error::invalid(field, number, "not the number of a device")),
        },
    }
}

fn access(field: String, text: &str) -> Result<u8> {
    let bit = |c| match c {
        'r' => Some(READ),
        'w' => Some(WRITE),
        'm' => Some(MKNOD),
        _ => None,
    };
    let bits = text.chars().try_fold(0, |bits, c| Some(bits | bit(c)?));
    match bits.filter(|bits| *bits != 0) {
        Some(bits) => Ok(bits),
        None => Err(Error::invalid(field, format!("{text:?}"), "not a combination of r, w and m")),
    }
}

/// As cgroup v1 wrote rules: `allow c 1:3 rwm`.
impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Allow => "allow",
            Verdict::Deny => "deny",
        };
        write!(f, "{verdict} {:?} ", self.devices)?;
        let letters = [(READ, 'r'), (WRITE, 'w'), (MKNOD, 'm')];
        letters
            .iter()
            .filter(|(bit, _)| self.access & bit != 0)
            .try_for_each(|(_, letter)| write!(f, "{letter}"))
    }
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            None => 'a',
            Some(Kind::Block) => 'b',
            Some(Kind::Character) => 'c',
        };
        let number = |number: Option<u32>| number.map_or("*".to_owned(), |n| n.to_string());
        write!(f, "{kind} {}:{}", number(self.major), number(self.minor))
    }
}

#[cfg(test)]
mod tests;
