//! The device program, run by an interpreter of the few instructions that it has, beside the rules
//! as they read.

use super::*;
use crate::plan::cgroup::devices::{Devices, MKNOD, READ, WRITE};

/// What is asked of the program.
#[derive(Debug, Clone, Copy)]
struct Access {
    kind: Kind,
    major: u32,
    minor: u32,
    access: u8,
}

fn run(program: &[Instruction], asked: Access) -> bool {
    let kind = match asked.kind {
        Kind::Block => 1,
        Kind::Character => 2,
    };
    let context = [u32::from(asked.access) << 16 | kind, asked.major, asked.minor];
    let mut registers = [0_u32; 5];
    let mut at = 0;
    loop {
        let Instruction { code, registers: both, offset, immediate } = program[at];
        let (to, from) = (usize::from(both & 15), usize::from(both >> 4));
        let value = immediate.cast_unsigned();
        at += 1;
        let jumps = match code {
            LOAD_WORD => {
                assert_eq!(from, usize::from(CONTEXT));
                registers[to] = context[usize::try_from(offset).unwrap() / 4];
                false
            }
            MOVE => {
                registers[to] = value;
                false
            }
            MOVE_REGISTER => {
                registers[to] = registers[from];
                false
            }
            AND => {
                registers[to] &= value;
                false
            }
            SHIFT_RIGHT => {
                registers[to] >>= value;
                false
            }
            JUMP_IF_EQUAL => registers[to] == value,
            JUMP_UNLESS_EQUAL => registers[to] != value,
            EXIT => return registers[0] == 1,
            other => panic!("{other:#x}"),
        };
        if jumps {
            at += usize::try_from(offset).unwrap();
        }
    }
}

/// Each kind of access by the last rule that speaks of it.
fn is_allowed(rules: &DeviceRules, asked: Access) -> bool {
    [MKNOD, READ, WRITE].into_iter().filter(|bit| asked.access & bit != 0).all(|bit| {
        let speaks = |rule: &&Rule| {
            let Devices { kind, major, minor } = rule.devices;
            kind.is_none_or(|kind| kind == asked.kind)
                && major.is_none_or(|major| major == asked.major)
                && minor.is_none_or(|minor| minor == asked.minor)
                && rule.access & bit != 0
        };
        let rule = rules.rules.iter().rev().find(speaks);
        rule.map_or(rules.otherwise, |rule| rule.verdict) == Verdict::Allow
    })
}

/// A sequence that looks random and is always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        u32::try_from(self.0 >> 33).unwrap() % limit
    }

    fn rule(&mut self) -> Rule {
        let verdict = if self.below(2) == 0 { Verdict::Allow } else { Verdict::Deny };
        let kind = [None, Some(Kind::Block), Some(Kind::Character)][self.below(3) as usize];
        let mut number = || Some(self.below(4)).filter(|number| *number < 3);
        let devices = Devices { kind, major: number(), minor: number() };
        Rule { verdict, devices, access: u8::try_from(1 + self.below(7)).unwrap() }
    }
}

#[test]
fn a_program_decides_as_its_rules_read() {
    let mut numbers = Numbers(7);
    for _ in 0..400 {
        let count = numbers.below(9);
        let rules = (0..count).map(|_| numbers.rule()).collect();
        let otherwise = if numbers.below(2) == 0 { Verdict::Allow } else { Verdict::Deny };
        let rules = DeviceRules { rules, otherwise };
        let program = assemble(&rules);
        for place in 0..2 * 3 * 3 * 7 {
            let asked = Access {
                kind: if place % 2 == 0 { Kind::Block } else { Kind::Character },
                major: place / 2 % 3,
                minor: place / 6 % 3,
                access: u8::try_from(1 + place / 18).unwrap(),
            };
            assert_eq!(run(&program, asked), is_allowed(&rules, asked), "{rules:?} {asked:?}");
        }
    }
}

#[test]
fn numbers_of_devices_are_compared_as_a_whole() {
    let devices = Devices { kind: Some(Kind::Block), major: Some(u32::MAX), minor: Some(1 << 31) };
    let rule = Rule { verdict: Verdict::Allow, devices, access: ALL };
    let program = assemble(&DeviceRules { rules: vec![rule], otherwise: Verdict::Deny });
    let asked = |major, minor| Access { kind: Kind::Block, major, minor, access: READ };
    assert!(run(&program, asked(u32::MAX, 1 << 31)));
    assert!(!run(&program, asked(u32::MAX, 0)));
    assert!(!run(&program, asked(0, 1 << 31)));
}

#[test]
fn one_program_has_one_name() {
    let rules = |verdict| DeviceRules { rules: Vec::new(), otherwise: verdict };
    let [allow, deny] = [Verdict::Allow, Verdict::Deny].map(|verdict| assemble(&rules(verdict)));
    assert_eq!(name_of(&allow), name_of(&allow.clone()));
    assert_ne!(name_of(&allow), name_of(&deny));
    assert_eq!(bytes_of(&allow).len(), 8 * allow.len());
}
