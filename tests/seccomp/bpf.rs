//! Classic BPF as the kernel runs it on a system call: net/core/filter.c and kernel/seccomp.c.

use anyhow::{Context, Result, bail};

/// `struct sock_filter`: `code`, `jt`, `jf`, `k`.
pub(crate) type Instruction = (u16, u8, u8, u32);

/// `struct seccomp_data`, but for the instruction pointer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) arch: u32,
    pub(crate) number: u32,
    pub(crate) arguments: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> Result<u32> {
        let argument = |index: u32| self.arguments.get(index as usize).copied();
        let is_big_endian = self.arch & 0x4000_0000 == 0;
        match offset {
            0 => Ok(self.number),
            4 => Ok(self.arch),
            8 | 12 => Ok(0),
            16..64 if offset.is_multiple_of(4) => {
                let value = argument((offset - 16) / 8).context("no such argument")?;
                let is_second = !offset.is_multiple_of(8);
                let word = if is_second == is_big_endian { value } else { value >> 32 };
                Ok(u32::try_from(word & 0xffff_ffff)?)
            }
            _ => bail!("a load from {offset}"),
        }
    }
}

/// What the program returns on a call.
pub(crate) fn verdict(program: &[Instruction], call: &Call) -> Result<u32> {
    let mut accumulator = 0;
    let mut at = 0;
    loop {
        let (code, jt, jf, k) = *program.get(at).context("past the end")?;
        at += 1;
        let mut branch = |condition: bool| at += usize::from(if condition { jt } else { jf });
        match code {
            0x20 => accumulator = call.word(k)?,
            0x54 => accumulator &= k,
            0x05 => at += k as usize,
            0x15 => branch(accumulator == k),
            0x25 => branch(accumulator > k),
            0x35 => branch(accumulator >= k),
            0x45 => branch(accumulator & k != 0),
            0x06 => return Ok(k),
            _ => bail!("instruction {code:#x}"),
        }
    }
}
