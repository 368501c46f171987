//! The device program: an eBPF program that the kernel asks before a process of a group opens or
//! makes a device node.

use super::group::Cgroup;
use crate::error::{Doing, Error, Result};
use crate::plan::cgroup::devices::{DeviceRules, Kind, Rule, Verdict};
use crate::sys::bpf::{self, Instruction, Program};
use crate::sys::file::{self, OFlag};
use crate::sys::{self, Errno};
use std::ffi::{CStr, CString};
use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How the kernel lists it.
const NAME: &CStr = c"peapod_devices";

const FIELD: &str = "linux.resources.devices";

/// Where it is remembered which programs the kernel has already. A container has no such name.
const MEMORY: &CStr = c".devices";

/// How many programs are remembered at most: then all are forgotten.
const MEMORY_SIZE: usize = 128;

/// No program is longer: the kernel takes a million instructions.
const MEMORY_LIMIT: usize = 16 << 20;

impl Cgroup {
    /// Lets only the devices be used that the rules allow. `memory` is the directory of all
    /// containers.
    ///
    /// Where a process may load no program because it is root in a user namespace alone, none is
    /// needed: nothing that is mounted there lets a device be opened, and no node can be made.
    pub(crate) fn confine(&self, rules: &DeviceRules, memory: BorrowedFd<'_>) -> Result<()> {
        match self.program(rules, memory) {
            Err(Error::Kernel { source, .. }) if is_denied(&source) && in_user_namespace() => {
                Ok(())
            }
            program => bpf::attach_device_program(self.fd(), program?.as_fd())
                .doing(|| self.doing_devices("attaching the device program to")),
        }
    }

    /// The same for a group that may have a program, which then is replaced: at no moment is there
    /// neither the old one nor the new.
    pub(crate) fn confine_anew(&self, rules: &DeviceRules, memory: BorrowedFd<'_>) -> Result<()> {
        let doing = || self.doing_devices("replacing the device program of");
        let ids = bpf::device_programs(self.fd()).doing(doing)?;
        let mut old = Vec::new();
        for id in &ids {
            old.extend(bpf::program_by_id(*id).doing(doing)?);
        }
        if rules.allows_all() {
            return old.iter().try_for_each(|old| self.detach(old));
        }
        let new = match self.program(rules, memory) {
            Err(Error::Kernel { source, .. }) if is_denied(&source) && in_user_namespace() => {
                return Ok(());
            }
            new => new?,
        };
        let known = bpf::identify_device_program(new.as_fd()).doing(doing)?;
        if known.is_some_and(|known| ids == [known.id]) {
            return Ok(());
        }
        if let [only] = old.as_slice() {
            let (only, new) = (only.as_fd(), new.as_fd());
            return bpf::replace_device_program(self.fd(), only, new).doing(doing);
        }
        if known.is_none_or(|known| !ids.contains(&known.id)) {
            bpf::attach_device_program(self.fd(), new.as_fd()).doing(doing)?;
        }
        let others = ids.iter().zip(&old).filter(|(id, _)| known.is_none_or(|new| new.id != **id));
        others.map(|(_, old)| old).try_for_each(|old| self.detach(old))
    }

    fn detach(&self, program: &OwnedFd) -> Result<()> {
        bpf::detach_device_program(self.fd(), program.as_fd())
            .doing(|| self.doing_devices("detaching the old device program of"))
    }

    /// The program for the rules. Loading one takes the kernel longer than all else that is done
    /// for a cgroup, and most containers have the same: it is looked for in the kernel first.
    fn program(&self, rules: &DeviceRules, memory: BorrowedFd<'_>) -> Result<OwnedFd> {
        let program = assemble(rules);
        let name = name_of(&program);
        if let Some(found) = recall(memory, &name, &program) {
            return Ok(found);
        }
        let loaded = bpf::load_device_program(NAME, &program)
            .doing(|| self.doing_devices("loading the device program of"))?;
        // That it can be found again only saves time.
        let _remembered = remember(memory, &name, &program, loaded.as_fd());
        Ok(loaded)
    }

    fn doing_devices(&self, what: &str) -> String {
        format!("{FIELD}: {what} cgroup {}", self.path())
    }
}

fn is_denied(error: &sys::Error) -> bool {
    matches!(error.errno(), Errno::EPERM | Errno::EACCES)
}

/// Whether the user ids of this process are not those of the host.
fn in_user_namespace() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"]
}

/// The program that the kernel has loaded for these instructions, if it still has it. An id alone
/// is not trusted: it may have been given to another program since.
fn recall(memory: BorrowedFd<'_>, name: &CStr, program: &[Instruction]) -> Option<OwnedFd> {
    let file = file::open_beneath(memory, name, OFlag::O_RDONLY).ok()?;
    let bytes = file::read_to_end(file, MEMORY_LIMIT).ok()?;
    let (id, rest) = bytes.split_first_chunk::<4>()?;
    let (tag, instructions) = rest.split_first_chunk::<8>()?;
    if instructions != bytes_of(program) {
        return None;
    }
    let known = Program { id: u32::from_ne_bytes(*id), tag: u64::from_ne_bytes(*tag) };
    let found = bpf::program_by_id(known.id).ok()??;
    let identity = bpf::identify_device_program(found.as_fd()).ok()??;
    (identity == known).then_some(found)
}

/// Writes down by which id a program is found as long as a container uses it.
fn remember(
    memory: BorrowedFd<'_>,
    name: &CStr,
    program: &[Instruction],
    loaded: BorrowedFd<'_>,
) -> sys::Result<()> {
    let Some(Program { id, tag }) = bpf::identify_device_program(loaded)? else { return Ok(()) };
    match file::mkdirat(memory, MEMORY, 0o700) {
        Err(error) if error.errno() != Errno::EEXIST => return Err(error),
        _ => {}
    }
    let dir = file::open_beneath(memory, MEMORY, OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
    let known = file::names(dir.as_fd())?;
    if known.len() >= MEMORY_SIZE {
        known.iter().try_for_each(|(name, _)| file::unlinkat(dir.as_fd(), name))?;
    }
    let new = CString::new(format!("{}/.{}", MEMORY.to_string_lossy(), std::process::id()));
    let new = new.unwrap_or_default();
    let mut file = File::from(file::create(memory, &new, 0o600)?);
    let bytes = [&id.to_ne_bytes()[..], &tag.to_ne_bytes(), &bytes_of(program)].concat();
    file::write_all(&mut file, &bytes)?;
    file::renameat(memory, &new, name)
}

/// The hash only finds the file: what is in it is compared as a whole.
fn name_of(program: &[Instruction]) -> CString {
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes_of(program));
    let name = format!("{}/{:016x}", MEMORY.to_string_lossy(), hasher.finish());
    CString::new(name).unwrap_or_default()
}

fn bytes_of(program: &[Instruction]) -> Vec<u8> {
    let bytes = |i: &Instruction| {
        let ([o0, o1], [i0, i1, i2, i3]) = (i.offset.to_ne_bytes(), i.immediate.to_ne_bytes());
        [i.code, i.registers, o0, o1, i0, i1, i2, i3]
    };
    program.iter().flat_map(bytes).collect()
}

// Registers. The kernel passes the context in the first.
const RESULT: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const UNDECIDED: u8 = 3;
const OTHER: u8 = 4;

// Opcodes, on 32 bits (Documentation/bpf/standardization/instruction-set.rst).
const LOAD_WORD: u8 = 0x61;
const MOVE: u8 = 0xb4;
const MOVE_REGISTER: u8 = 0xbc;
const AND: u8 = 0x54;
const SHIFT_RIGHT: u8 = 0x74;
const JUMP_IF_EQUAL: u8 = 0x16;
const JUMP_UNLESS_EQUAL: u8 = 0x56;
const EXIT: u8 = 0x95;

// struct bpf_cgroup_dev_ctx: what is accessed in the low half of the first word, how in the high
// one; then the numbers.
const ACCESS_TYPE: i16 = 0;
const MAJOR: i16 = 4;
const MINOR: i16 = 8;

const ALL: u8 = 7;

/// Turns the rules into a program. They are asked from the last to the first; what is asked for and
/// no rule has spoken of yet is kept in [`UNDECIDED`].
fn assemble(rules: &DeviceRules) -> Vec<Instruction> {
    let mut program = vec![
        load(KIND, ACCESS_TYPE),
        registers(MOVE_REGISTER, UNDECIDED, KIND),
        immediate(SHIFT_RIGHT, UNDECIDED, 16),
        immediate(AND, KIND, 0xffff),
    ];
    for rule in rules.rules.iter().rev() {
        program.extend(block(rule));
    }
    program.extend(decide(rules.otherwise));
    program
}

/// One rule. Jumps whose offset is 0 at first lead out of it.
fn block(rule: &Rule) -> Vec<Instruction> {
    let mut block = Vec::new();
    let kind = rule.devices.kind.map(|kind| match kind {
        Kind::Block => 1,
        Kind::Character => 2,
    });
    block.extend(kind.map(|kind| immediate(JUMP_UNLESS_EQUAL, KIND, kind)));
    for (place, number) in [(MAJOR, rule.devices.major), (MINOR, rule.devices.minor)] {
        let Some(number) = number else { continue };
        // Loaded anew in each block: a register that lived on would make the verifier walk every
        // block once for each one before it.
        block.push(load(OTHER, place));
        block.push(immediate(JUMP_UNLESS_EQUAL, OTHER, number.cast_signed()));
    }
    match rule.verdict {
        _ if rule.access == ALL => {}
        Verdict::Allow => {
            block.push(immediate(AND, UNDECIDED, i32::from(ALL & !rule.access)));
            block.push(immediate(JUMP_UNLESS_EQUAL, UNDECIDED, 0));
        }
        Verdict::Deny => {
            block.push(registers(MOVE_REGISTER, OTHER, UNDECIDED));
            block.push(immediate(AND, OTHER, i32::from(rule.access)));
            block.push(immediate(JUMP_IF_EQUAL, OTHER, 0));
        }
    }
    block.extend(decide(rule.verdict));
    let jumps = [JUMP_IF_EQUAL, JUMP_UNLESS_EQUAL];
    let mut left = i16::try_from(block.len()).unwrap_or(0);
    for instruction in &mut block {
        left -= 1;
        if jumps.contains(&instruction.code) {
            instruction.offset = left;
        }
    }
    block
}

fn decide(verdict: Verdict) -> [Instruction; 2] {
    let result = i32::from(verdict == Verdict::Allow);
    [immediate(MOVE, RESULT, result), immediate(EXIT, 0, 0)]
}

fn load(register: u8, offset: i16) -> Instruction {
    let registers = register | CONTEXT << 4;
    Instruction { code: LOAD_WORD, registers, offset, immediate: 0 }
}

fn immediate(code: u8, register: u8, immediate: i32) -> Instruction {
    Instruction { code, registers: register, offset: 0, immediate }
}

fn registers(code: u8, to: u8, from: u8) -> Instruction {
    Instruction { code, registers: to | from << 4, offset: 0, immediate: 0 }
}

#[cfg(test)]
mod tests;
