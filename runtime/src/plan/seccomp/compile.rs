//! The compiler: from a profile to a program.
//!
//! For each architecture, the numbers of system calls are cut into ranges of one verdict, and a
//! balanced tree of comparisons finds the range: nine steps for the longest profiles. Conditions
//! on arguments are looked at in its leaves.

use super::arch::{AUDIT_X86_64, Architecture, X32_BIT};
use super::assemble::{Assembler, Compare, LONGEST, Target};
use super::condition::Condition;
use super::profile::{Call, KILL_THREAD, NO_SUCH_CALL, Profile};
use super::syscalls::{self, ARM_PRIVATE};
use crate::error::{Error, Result};
use crate::sys::seccomp::Instruction;
use std::cmp::Ordering;

const FIELD: &str = "linux.seccomp.syscalls";

// `struct seccomp_data` of include/uapi/linux/seccomp.h
const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCHITECTURE: u32 = 4;

/// What is done with the calls of one number.
#[derive(Debug, PartialEq, Eq)]
enum Leaf {
    Verdict(u32),
    /// The first of these that holds, or the default.
    Checks(Architecture, Vec<Check>),
}

/// Conditions on arguments, all of which must hold, and the verdict then.
#[derive(Debug, PartialEq, Eq)]
struct Check {
    conditions: Vec<Condition>,
    verdict: u32,
}

/// From this number on, up to the next range.
#[derive(Debug)]
struct Range {
    start: u32,
    leaf: Leaf,
}

/// A call of the profile, with its number on one architecture.
#[derive(Debug, Clone, Copy)]
struct Numbered<'p> {
    number: u32,
    call: &'p Call<'p>,
    /// What the first argument must be, where the number is that of several calls.
    selector: Option<u64>,
}

/// The program of a profile, for these architectures; the first is that of this program.
pub(super) fn compile(profile: &Profile<'_>, archs: &[Architecture]) -> Result<Vec<Instruction>> {
    let mut assembler = Assembler::default();
    // A call by the numbers of an architecture that is not in the profile.
    let mut next = Target::Verdict(KILL_THREAD);
    for (at, arch) in archs.iter().enumerate().rev() {
        if archs[..at].iter().any(|other| other.audit == arch.audit) {
            continue;
        }
        let ranges = ranges(profile, arch.audit, archs)?;
        let block = match tree(&mut assembler, profile.default, &ranges) {
            Target::Instruction(_) => assembler.load(OFFSET_NUMBER),
            verdict @ Target::Verdict(_) => verdict,
        };
        next = assembler.branch(Compare::Equal, arch.audit, (block, next));
    }
    assembler.load(OFFSET_ARCHITECTURE);
    assembler.finish().map_err(|length| {
        let reason = format!("the kernel takes filters of at most {LONGEST}");
        Error::invalid("linux.seccomp", format!("{length} instructions"), reason)
    })
}

/// All numbers of what the kernel calls `audit`, cut into ranges. x32 has the upper half of those
/// of `x86_64`.
fn ranges(profile: &Profile<'_>, audit: u32, archs: &[Architecture]) -> Result<Vec<Range>> {
    let mut ranges = Ranges(Vec::new());
    let mut add = |bit: u32| match archs.iter().find(|arch| (arch.audit, arch.bit) == (audit, bit))
    {
        Some(arch) => ranges.add(profile, arch).map(|()| true),
        None => Ok(false),
    };
    let has_plain = add(0)?;
    let has_x32 = add(X32_BIT)?;
    if audit == AUDIT_X86_64 && !has_x32 {
        ranges.push(X32_BIT, Leaf::Verdict(KILL_THREAD));
        // The number by which a tracer skips a call (seccomp(2)).
        ranges.push(u32::MAX, Leaf::Verdict(profile.default));
    }
    if !has_plain {
        ranges.0.insert(0, Range { start: 0, leaf: Leaf::Verdict(KILL_THREAD) });
    }
    Ok(ranges.0)
}

struct Ranges(Vec<Range>);

impl Ranges {
    fn add(&mut self, profile: &Profile<'_>, arch: &Architecture) -> Result<()> {
        let calls = numbered(profile, arch);
        let private = calls.partition_point(|call| call.number < ARM_PRIVATE | arch.bit);
        self.push(arch.bit, Leaf::Verdict(profile.default));
        self.add_calls(profile, arch, &calls[..private])?;
        if let Some(last) = calls[..private].last()
            && profile.hides_newer_calls
        {
            self.push(last.number + 1, Leaf::Verdict(NO_SUCH_CALL));
        }
        if arch.has_private_calls() {
            self.push(ARM_PRIVATE, Leaf::Verdict(profile.default));
        }
        self.add_calls(profile, arch, &calls[private..])
    }

    fn add_calls(
        &mut self,
        profile: &Profile<'_>,
        arch: &Architecture,
        calls: &[Numbered<'_>],
    ) -> Result<()> {
        for same in calls.chunk_by(|one, next| one.number == next.number) {
            if let Some(leaf) = leaf(profile, arch, same)? {
                self.push(same[0].number, leaf);
                self.push(same[0].number + 1, Leaf::Verdict(profile.default));
            }
        }
        Ok(())
    }

    /// Begins a range. It takes the place of one that begins with the same number, and goes on with
    /// one that has the same verdict.
    fn push(&mut self, start: u32, leaf: Leaf) {
        self.0.pop_if(|last| last.start == start);
        if self.0.last().is_none_or(|last| last.leaf != leaf) {
            self.0.push(Range { start, leaf });
        }
    }
}

/// The calls of the profile that an architecture has, by number, and by their order in the profile
/// for each.
fn numbered<'p>(profile: &'p Profile<'p>, arch: &Architecture) -> Vec<Numbered<'p>> {
    let mut calls = Vec::with_capacity(profile.calls.len());
    for call in &profile.calls {
        let whole = call.part.and_then(|part| {
            let number = arch.number(syscalls::find(part.of)?)?;
            Some(Numbered { number, call, selector: Some(part.selector) })
        });
        let own = arch.number(call.row).map(|number| Numbered { number, call, selector: None });
        calls.extend(whole.into_iter().chain(own));
    }
    calls.sort_by_key(|call| call.number);
    calls
}

/// What is done with calls of one number; `None` if no rule is for them.
fn leaf(
    profile: &Profile<'_>,
    arch: &Architecture,
    calls: &[Numbered<'_>],
) -> Result<Option<Leaf>> {
    let mut checks: Vec<Check> = Vec::new();
    for numbered in calls {
        let Some(rule) = numbered.call.rule.and_then(|index| profile.rules.get(index)) else {
            continue;
        };
        for alternative in &rule.alternatives {
            let conditions = conditions(alternative, arch, numbered.selector);
            // One without conditions stands above all others, as with libseccomp.
            if conditions.is_empty() {
                return Ok(Some(Leaf::Verdict(rule.verdict)));
            }
            checks.push(Check { conditions, verdict: rule.verdict });
        }
    }
    checks.sort_by(|one, other| before(&one.conditions, &other.conditions));
    checks.dedup();
    let is_twice = |two: &[Check]| two[0].conditions == two[1].conditions;
    if checks.windows(2).any(is_twice) {
        let name = calls.first().map_or("", |numbered| numbered.call.name);
        let reason = "two rules with the same conditions and different actions";
        return Err(Error::invalid(FIELD, name, reason));
    }
    Ok((!checks.is_empty()).then_some(Leaf::Checks(*arch, checks)))
}

/// The conditions as this architecture has them.
fn conditions(asked: &[Condition], arch: &Architecture, selector: Option<u64>) -> Vec<Condition> {
    // What selects the call is in the place of its first argument; the others are where those of
    // the call would be. So libseccomp does it.
    let selects = selector.map(Condition::selects);
    let others = asked.iter().filter(|condition| selects.is_none() || condition.argument != 0);
    let all = selects.iter().chain(others);
    all.filter_map(|condition| condition.narrowed(arch.width)).collect()
}

/// The order of rules for one call: by their first condition that differs, and the shorter first.
fn before(one: &[Condition], other: &[Condition]) -> Ordering {
    let pairs = one.iter().zip(other).map(|(one, other)| one.before(other));
    pairs.fold(Ordering::Equal, Ordering::then).then(one.len().cmp(&other.len()))
}

fn tree(assembler: &mut Assembler, default: u32, ranges: &[Range]) -> Target {
    let middle = ranges.len() / 2;
    match ranges {
        [] => Target::Verdict(default),
        [Range { leaf: Leaf::Verdict(verdict), .. }] => Target::Verdict(*verdict),
        [Range { leaf: Leaf::Checks(arch, checks), .. }] => {
            let all = checks.iter().rev();
            all.fold(Target::Verdict(default), |fails, check| {
                let holds = Target::Verdict(check.verdict);
                let conditions = check.conditions.iter().rev();
                conditions.fold(holds, |holds, condition| {
                    condition.assemble(assembler, arch, (holds, fails))
                })
            })
        }
        _ => {
            let right = tree(assembler, default, &ranges[middle..]);
            let left = tree(assembler, default, &ranges[..middle]);
            assembler.branch(Compare::GreaterOrEqual, ranges[middle].start, (right, left))
        }
    }
}
