//! The comparison of two programs of one profile.

use crate::bpf::{Call, Instruction, verdict};
use crate::model;
use crate::oracle::{self, Arch, NATIVE};
use anyhow::{Context, Result, ensure};
use peapod::seccomp_program;
use serde_json::Value;
use std::collections::BTreeSet;

/// `SECCOMP_RET_ERRNO | ENOSYS`
const NO_SUCH_CALL: u32 = 0x0005_0026;

/// Numbers without a pattern, the same for each seed (xorshift64*).
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() >> 33).unwrap_or(0) % end
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// How many calls were compared, and how often the oracle had nothing to say.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) compared: usize,
    /// Profiles with a rule that libseccomp does not take.
    pub(crate) refused: usize,
    /// Verdicts of libseccomp's that no rule of the profile gives.
    pub(crate) libseccomp_is_wrong: usize,
    /// Names of calls that it is too old to know.
    pub(crate) unknown: BTreeSet<String>,
}

/// A profile and its two programs.
struct Pair<'a> {
    profile: &'a Value,
    ours: Vec<Instruction>,
    theirs: Vec<Instruction>,
}

/// Makes sure that a profile is the same program in effect, ours and libseccomp's.
pub(crate) fn same(profile: &Value, dice: &mut Dice, tally: &mut Tally) -> Result<()> {
    let text = profile.to_string();
    let Some(theirs) = oracle::compile(profile).with_context(|| text.clone())? else {
        tally.refused += 1;
        return Ok(());
    };
    let ours = seccomp_program(&text).with_context(|| text.clone())?;
    let pair = Pair { profile, ours, theirs };
    let names = names(profile);
    for name in &names {
        if !oracle::knows(name)? {
            tally.unknown.insert(name.clone());
        }
    }
    let mut archs = vec![NATIVE];
    for name in profile["architectures"].as_array().into_iter().flatten() {
        archs.push(Arch::named(name.as_str().context("an architecture")?)?);
    }
    let values = values(profile);
    for arch in archs {
        let known = arch.calls();
        let parts = names.iter().filter_map(|name| Some(model::part_of(name)?.0));
        let named: BTreeSet<&str> = names.iter().map(String::as_str).chain(parts).collect();
        let last = known.iter().filter(|(_, name)| named.contains(name.as_str()));
        let last = last.map(|(number, _)| *number).filter(|number| !is_private(*number)).max();
        for (&number, name) in &known {
            let rounds = if named.contains(name.as_str()) { 60 } else { 2 };
            let is_newer = !is_private(number) && last.is_some_and(|last| number > last);
            let is_hidden = is_newer && hides_newer(profile);
            for _ in 0..rounds {
                let arguments = [(); 6].map(|()| *dice.one_of(&values));
                let call = Call { arch: arch.audit, number, arguments };
                tally.compared += 1;
                let agreement = pair
                    .agree(&arch, name, &call, is_hidden.then_some(NO_SUCH_CALL))
                    .with_context(|| format!("{name}: {call:x?}: {text}"))?;
                tally.libseccomp_is_wrong += usize::from(agreement != Agreement::Same);
            }
        }
    }
    Ok(())
}

/// The calls that 32-bit ARM has beside its numbered ones.
fn is_private(number: u32) -> bool {
    number & 0xf_0000 != 0
}

impl Pair<'_> {
    /// Makes sure that both say the same of a call; or that ours says what it must, where
    /// libseccomp is not asked.
    fn agree(&self, arch: &Arch, name: &str, call: &Call, must: Option<u32>) -> Result<Agreement> {
        let said = verdict(&self.ours, call)?;
        let libseccomp = must.map_or_else(|| verdict(&self.theirs, call), Ok)?;
        if said == libseccomp {
            return Ok(Agreement::Same);
        }
        // Not ours to repeat: where it goes against the profile, read plainly.
        let plain = model::verdicts(self.profile, arch, name, call)?;
        let is_wrong = must.is_none() && !plain.contains(&libseccomp) && plain.contains(&said);
        ensure!(is_wrong, "{said:#x}, not {libseccomp:#x}; plainly {plain:x?}");
        Ok(Agreement::LibseccompIsWrong)
    }
}

/// How two programs compare that need not be different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agreement {
    Same,
    LibseccompIsWrong,
}

/// runc's stub: not where new calls pass by default.
fn hides_newer(profile: &Value) -> bool {
    let permissive = ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"];
    !permissive.iter().any(|action| profile["defaultAction"] == *action)
}

fn names(profile: &Value) -> BTreeSet<String> {
    let rules = profile["syscalls"].as_array().into_iter().flatten();
    let names = rules.flat_map(|rule| rule["names"].as_array().into_iter().flatten());
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// Arguments that may matter: what the profile compares with, the numbers beside that, and the
/// same in the other half; and the selectors of socketcall and ipc.
fn values(profile: &Value) -> Vec<u64> {
    let rules = profile["syscalls"].as_array().into_iter().flatten();
    let arguments = rules.flat_map(|rule| rule["args"].as_array().into_iter().flatten());
    let mut values: Vec<u64> = (0..25).chain([u64::MAX, 1 << 32, u64::from(u32::MAX)]).collect();
    for argument in arguments {
        for value in [&argument["value"], &argument["valueTwo"]].map(Value::as_u64) {
            let value = value.unwrap_or(0);
            let beside = [value, value.wrapping_add(1), value.wrapping_sub(1)];
            values.extend(beside);
            values.extend(beside.map(|value| value ^ (1 << 32)));
            values.extend([value << 32, value >> 32, !value]);
        }
    }
    values
}
