//! The filter of pause: a list of what it may call.

use super::Filter;
use crate::sys::seccomp::Instruction;

// include/uapi/linux/bpf_common.h, filter.h and seccomp.h
const LOAD_WORD: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCHITECTURE: u32 = 4;
const ALLOW: u32 = 0x7fff_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;
const EPERM: u32 = 1;

#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xc000_00b7;

impl Filter {
    /// Allows the calls with these numbers and answers every other one with `EPERM`.
    ///
    /// A call by another architecture's numbers ends the process: it is none of the
    /// compiler's making.
    pub(crate) fn allow_only(numbers: &[i64]) -> Self {
        let instruction = |code, jt, jf, k| Instruction { code, jt, jf, k };
        let mut program = vec![
            instruction(LOAD_WORD, 0, 0, OFFSET_ARCHITECTURE),
            instruction(JUMP_IF_EQUAL, 1, 0, NATIVE),
            instruction(RETURN, 0, 0, KILL_PROCESS),
            instruction(LOAD_WORD, 0, 0, OFFSET_NUMBER),
        ];
        for number in numbers.iter().filter_map(|&number| u32::try_from(number).ok()) {
            program.push(instruction(JUMP_IF_EQUAL, 0, 1, number));
            program.push(instruction(RETURN, 0, 0, ALLOW));
        }
        program.push(instruction(RETURN, 0, 0, ERRNO | EPERM));
        Self { program, flags: 0, listener: None }
    }
}
