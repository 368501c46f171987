//! A condition on one argument of a system call.

use super::arch::{Architecture, Width};
use super::assemble::{Assembler, Compare, Target};
use oci_spec::runtime::{LinuxSeccompArg, LinuxSeccompOperator};
use std::cmp::Ordering;

/// That an argument, masked, compares so with a value; or that it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition {
    /// 0 to 5.
    pub(super) argument: u32,
    compare: Compare,
    /// What the comparison must come to.
    outcome: bool,
    mask: u64,
    value: u64,
}

impl Condition {
    pub(super) fn new(asked: &LinuxSeccompArg) -> Self {
        let (compare, outcome) = match asked.op() {
            LinuxSeccompOperator::ScmpCmpEq | LinuxSeccompOperator::ScmpCmpMaskedEq => {
                (Compare::Equal, true)
            }
            LinuxSeccompOperator::ScmpCmpNe => (Compare::Equal, false),
            LinuxSeccompOperator::ScmpCmpGt => (Compare::Greater, true),
            LinuxSeccompOperator::ScmpCmpGe => (Compare::GreaterOrEqual, true),
            LinuxSeccompOperator::ScmpCmpLt => (Compare::GreaterOrEqual, false),
            LinuxSeccompOperator::ScmpCmpLe => (Compare::Greater, false),
        };
        let (mask, value) = match asked.op() {
            LinuxSeccompOperator::ScmpCmpMaskedEq => {
                (asked.value(), asked.value_two().unwrap_or(0))
            }
            _ => (u64::MAX, asked.value()),
        };
        // There are six arguments, which `spec` makes sure of.
        let argument = u32::try_from(asked.index()).unwrap_or(0);
        Self { argument, compare, outcome, mask, value: value & mask }
    }

    /// That the first argument is `value`.
    pub(super) fn selects(value: u64) -> Self {
        Self { argument: 0, compare: Compare::Equal, outcome: true, mask: u64::MAX, value }
    }

    /// The same for arguments of that width; `None` if it always holds.
    pub(super) fn narrowed(mut self, width: Width) -> Option<Self> {
        if width == Width::Bits32 {
            self.mask &= u64::from(u32::MAX);
            self.value &= u64::from(u32::MAX);
        }
        (self.mask != 0).then_some(self)
    }

    /// Which of two conditions is looked at first, where a call may meet both: the order that
    /// libseccomp builds its tree in. Equality comes before inequality, and of two inequalities
    /// the narrower one.
    pub(super) fn before(&self, other: &Self) -> Ordering {
        let kind = |condition: &Self| match (condition.compare, condition.outcome) {
            (Compare::Equal, _) => 0,
            (_, false) => 1,
            (_, true) => 2,
        };
        let values = match kind(self) {
            1 => self.value.cmp(&other.value),
            _ => other.value.cmp(&self.value),
        };
        let kinds = kind(self).cmp(&kind(other));
        other.argument.cmp(&self.argument).then(kinds).then(values).then(other.mask.cmp(&self.mask))
    }

    /// Goes one way if it holds, and the other if not.
    pub(super) fn assemble(
        &self,
        assembler: &mut Assembler,
        arch: &Architecture,
        (holds, fails): (Target, Target),
    ) -> Target {
        let (yes, no) = if self.outcome { (holds, fails) } else { (fails, holds) };
        let low = Half {
            offset: arch.offset_of_low(self.argument),
            mask: low(self.mask),
            value: low(self.value),
        };
        let high = Half {
            offset: arch.offset_of_high(self.argument),
            mask: high(self.mask),
            value: high(self.value),
        };
        let below = low.assemble(assembler, self.compare, (yes, no));
        if arch.width == Width::Bits32 {
            return below;
        }
        if self.compare == Compare::Equal {
            return high.assemble(assembler, Compare::Equal, (below, no));
        }
        // Greater by the upper half alone; or, that being equal, by the lower one.
        let equal = assembler.branch(Compare::Equal, high.value, (below, no));
        assembler.branch(Compare::Greater, high.value, (yes, equal));
        assembler.load(high.offset)
    }
}

/// One of the two words of an argument.
struct Half {
    offset: u32,
    mask: u32,
    value: u32,
}

impl Half {
    fn assemble(
        &self,
        assembler: &mut Assembler,
        compare: Compare,
        ways: (Target, Target),
    ) -> Target {
        // Nothing of it counts.
        if self.mask == 0 {
            return ways.0;
        }
        assembler.branch(compare, self.value, ways);
        if self.mask != u32::MAX {
            assembler.mask(self.mask);
        }
        assembler.load(self.offset)
    }
}

fn low(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

fn high(value: u64) -> u32 {
    low(value >> 32)
}
