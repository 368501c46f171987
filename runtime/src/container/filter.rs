//! The seccomp filter of a container, kept for the processes that are added to it: they get the
//! very program that its first process has, whatever has become of config.json.
//!
//! `<root>/<id>/seccomp`, numbers in the machine's order: [`MAGIC`], flags, the number of
//! instructions, the instructions (`struct sock_filter`); then, with its length before it, the path
//! of the agent, and so what it is told. A length of `u32::MAX` is for nothing.

use super::root::Entry;
use crate::error::{Error, Result};
use crate::plan::seccomp::{Filter, Listener};
use crate::plan::{Executable, Plan};
use crate::sys::Errno;
use crate::sys::seccomp::Instruction;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The form of the file.
const MAGIC: [u8; 8] = *b"seccomp1";

const NOTHING: u32 = u32::MAX;

/// Keeps the filter of the plan, if it has one. That of pause is for nobody else.
pub(super) fn save(entry: &Entry, plan: &Plan) -> Result<()> {
    match (&plan.process.seccomp, &plan.process.executable) {
        (Some(filter), Executable::Search(_)) => entry.write_filter(&encode(filter)),
        (Some(_), Executable::Pause) | (None, _) => Ok(()),
    }
}

/// The filter of a container, if it has one.
pub(super) fn load(entry: &Entry) -> Result<Option<Filter>> {
    let bytes = match entry.read_filter() {
        Err(Error::Kernel { source, .. }) if source.errno() == Errno::ENOENT => return Ok(None),
        read => read?,
    };
    // Without it a process would be less confined than the container: never go on.
    let corrupt = || {
        let field = format!("seccomp filter of container {}", entry.id());
        Error::invalid(field, "corrupt", "not as it was written by create")
    };
    Reader(&bytes).filter().map(Some).ok_or_else(corrupt)
}

fn encode(filter: &Filter) -> Vec<u8> {
    let count = |len: usize| u32::try_from(len).unwrap_or(NOTHING);
    let mut bytes = Vec::with_capacity(64 + 8 * filter.program.len());
    bytes.extend(MAGIC);
    bytes.extend(filter.flags.to_ne_bytes());
    bytes.extend(count(filter.program.len()).to_ne_bytes());
    for one in &filter.program {
        let [a, b] = one.code.to_ne_bytes();
        let [c, d, e, f] = one.k.to_ne_bytes();
        bytes.extend([a, b, one.jt, one.jf, c, d, e, f]);
    }
    let listener = filter.listener.as_ref();
    let path = listener.map(|listener| listener.path.as_os_str().as_bytes());
    let metadata = listener.and_then(|listener| listener.metadata.as_deref().map(str::as_bytes));
    for part in [path, metadata] {
        bytes.extend(part.map_or(NOTHING, |part| count(part.len())).to_ne_bytes());
        bytes.extend(part.unwrap_or_default());
    }
    bytes
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn filter(mut self) -> Option<Filter> {
        if self.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let flags = self.number()?;
        let count = usize::try_from(self.number()?).ok()?;
        let (instructions, _) = self.take(count.checked_mul(8)?)?.as_chunks::<8>();
        let program = instructions.iter().map(|[a, b, jt, jf, c, d, e, f]| Instruction {
            code: u16::from_ne_bytes([*a, *b]),
            jt: *jt,
            jf: *jf,
            k: u32::from_ne_bytes([*c, *d, *e, *f]),
        });
        let path = self.part()?;
        let metadata = self.part()?.map(|text| String::from_utf8(text.to_owned()));
        let metadata = metadata.transpose().ok()?;
        let listener = path.map(|path| Listener { path: OsStr::from_bytes(path).into(), metadata });
        self.0.is_empty().then(|| Filter { program: program.collect(), flags, listener })
    }

    /// Something with its length before it, or nothing; `None` if there is less than that.
    fn part(&mut self) -> Option<Option<&'a [u8]>> {
        match self.number()? {
            NOTHING => Some(None),
            len => self.take(usize::try_from(len).ok()?).map(Some),
        }
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_ne_bytes)
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters() -> [Filter; 3] {
        let one = Instruction { code: 6, jt: 1, jf: 2, k: 0x7fff_0000 };
        let filter = |count, listener| Filter { program: vec![one; count], flags: 6, listener };
        let path = OsStr::from_bytes(b"/run/\xff.sock");
        [
            filter(700, None),
            filter(1, Some(Listener { path: path.into(), metadata: None })),
            filter(0, Some(Listener { path: path.into(), metadata: Some("pod=a".to_owned()) })),
        ]
    }

    #[test]
    fn a_filter_is_read_as_it_was_written() {
        for filter in filters() {
            assert_eq!(Reader(&encode(&filter)).filter(), Some(filter));
        }
    }

    #[test]
    fn a_file_that_is_cut_or_longer_is_no_filter() {
        for filter in filters() {
            let mut bytes = encode(&filter);
            for len in 0..bytes.len() {
                assert_eq!(Reader(&bytes[..len]).filter(), None, "{len} bytes");
            }
            bytes.push(0);
            assert_eq!(Reader(&bytes).filter(), None);
        }
    }
}
