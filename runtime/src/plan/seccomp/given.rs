//! A filter that was compiled by others, in base64.

use super::Filter;
use crate::error::{Error, Result};
use crate::spec::annotations::SECCOMP_BPF_DATA;
use crate::sys::seccomp::Instruction;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// `BPF_MAXINSNS` of the kernel.
const MOST: usize = 4096;

impl Filter {
    /// Each instruction is eight bytes, in the machine's order (`struct sock_filter`). Whether they
    /// make a program is for the kernel to say.
    pub(in crate::plan) fn given(text: &str) -> Result<Self> {
        let field = format!("annotations[{SECCOMP_BPF_DATA}]");
        let invalid =
            |reason: &str| Error::invalid(&field, format!("{} characters", text.len()), reason);
        let bytes = decode(text).ok_or_else(|| invalid("not base64"))?;
        let (instructions, rest) = bytes.as_chunks::<8>();
        if instructions.is_empty() || !rest.is_empty() || instructions.len() > MOST {
            return Err(invalid("not 1 to 4096 instructions of eight bytes"));
        }
        let program = instructions.iter().map(|[a, b, jt, jf, c, d, e, f]| Instruction {
            code: u16::from_ne_bytes([*a, *b]),
            jt: *jt,
            jf: *jf,
            k: u32::from_ne_bytes([*c, *d, *e, *f]),
        });
        Ok(Self { program: program.collect(), flags: 0, listener: None })
    }
}

/// RFC 4648, section 4; line breaks are skipped.
fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded() {
        for (text, bytes) in
            [("", ""), ("cA==", "p"), ("cGU=", "pe"), ("cGVh", "pea"), ("cGVh\ncG9k", "peapod")]
        {
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        for bad in ["cA", "c===", "cA==cA==", "cGV*", "===="] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_given_program_has_whole_instructions() {
        // One that allows all: BPF_RET | BPF_K, SECCOMP_RET_ALLOW.
        let filter = Filter::given("BgAAAAAA/38=").unwrap();
        assert_eq!((filter.program[0].code, filter.program[0].k), (6, 0x7fff_0000));
        for bad in ["", "BgAA", "no"] {
            assert!(Filter::given(bad).is_err(), "{bad}");
        }
    }
}
