//! Puts a filter together, from its end to its start: jumps only lead forwards, so where they lead
//! is known when they are made.

use crate::sys::seccomp::Instruction;

/// `BPF_MAXINSNS` of `include/uapi/linux/bpf_common.h`.
pub(super) const LONGEST: usize = 4096;

// include/uapi/linux/bpf_common.h, filter.h
const LOAD_WORD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const RETURN: u16 = 0x06;

/// How the accumulator is compared with a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Compare {
    Equal = 0x15,
    Greater = 0x25,
    GreaterOrEqual = 0x35,
}

/// Where a jump leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// To the end, with this verdict.
    Verdict(u32),
    /// To an instruction that is there already.
    Instruction(Label),
}

/// An instruction, by its distance from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(usize);

/// The farthest that a conditional jump leads: its distance is a byte, and up to two instructions
/// may still come between.
const NEAR: usize = 255 - 2;

/// A program in the making.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    /// Last instruction first.
    reversed: Vec<Instruction>,
    /// The verdicts that have been placed, the latest of each.
    verdicts: Vec<(u32, usize)>,
}

impl Assembler {
    /// Loads the word at `offset` of `struct seccomp_data`.
    pub(super) fn load(&mut self, offset: u32) -> Target {
        self.push(LOAD_WORD, (0, 0), offset)
    }

    /// Leaves of the loaded word what `mask` has.
    pub(super) fn mask(&mut self, mask: u32) {
        self.push(AND, (0, 0), mask);
    }

    /// Goes one way or the other.
    pub(super) fn branch(&mut self, compare: Compare, with: u32, ways: (Target, Target)) -> Target {
        let (yes, no) = (self.place(ways.0), self.place(ways.1));
        let from = self.reversed.len();
        // Both are near, or `place` has brought them near.
        let skip = |to: usize| u8::try_from(from - to - 1).unwrap_or(u8::MAX);
        self.push(compare as u16, (skip(yes), skip(no)), with)
    }

    /// The program, if the kernel would take one of its length; otherwise its length.
    pub(super) fn finish(mut self) -> Result<Vec<Instruction>, usize> {
        if self.reversed.len() > LONGEST {
            return Err(self.reversed.len());
        }
        self.reversed.reverse();
        Ok(self.reversed)
    }

    /// Puts an instruction that leads to `target` within a short jump.
    fn place(&mut self, target: Target) -> usize {
        let is_near = |at: usize| self.reversed.len() - at <= NEAR;
        match target {
            Target::Instruction(Label(at)) if is_near(at) => at,
            Target::Instruction(Label(at)) => {
                let skip = u32::try_from(self.reversed.len() - at - 1).unwrap_or(u32::MAX);
                self.push_new(JUMP, (0, 0), skip)
            }
            Target::Verdict(verdict) => {
                let known = self.verdicts.iter().position(|(known, _)| *known == verdict);
                match known.map(|index| (index, self.verdicts[index].1)) {
                    Some((_, at)) if is_near(at) => at,
                    // Again: shorter than a jump to the old one, and faster.
                    Some((index, _)) => {
                        let at = self.push_new(RETURN, (0, 0), verdict);
                        self.verdicts[index].1 = at;
                        at
                    }
                    None => {
                        let at = self.push_new(RETURN, (0, 0), verdict);
                        self.verdicts.push((verdict, at));
                        at
                    }
                }
            }
        }
    }

    fn push(&mut self, code: u16, skips: (u8, u8), k: u32) -> Target {
        Target::Instruction(Label(self.push_new(code, skips, k)))
    }

    fn push_new(&mut self, code: u16, (jt, jf): (u8, u8), k: u32) -> usize {
        self.reversed.push(Instruction { code, jt, jf, k });
        self.reversed.len() - 1
    }
}
