//! An error that reads like a line of strace: the call, its arguments, the error number.

use nix::errno::Errno;
use std::fmt::{self, Write};

/// The result of a system call.
pub type Result<T> = std::result::Result<T, Error>;

/// A system call that failed: `openat2(7, "proc", O_PATH): ENOENT: No such file or directory`.
///
/// The text is inline and cut where it would not fit, so that making, sending and printing an error
/// needs no memory.
#[derive(Clone, Copy)]
pub struct Error {
    call: Text<24>,
    args: Text<120>,
    errno: Errno,
}

impl Error {
    pub(crate) fn new(call: &str, args: fmt::Arguments<'_>, errno: Errno) -> Self {
        Self { call: Text::new(format_args!("{call}")), args: Text::new(args), errno }
    }

    /// An error as another process met it, put together again from its parts.
    pub(crate) fn from_parts(call: &str, args: &str, errno: i32) -> Self {
        Self::new(call, format_args!("{args}"), Errno::from_raw(errno))
    }

    /// The kernel's error number.
    #[must_use]
    pub fn errno(&self) -> Errno {
        self.errno
    }

    pub(crate) fn call(&self) -> &str {
        self.call.as_str()
    }

    pub(crate) fn args(&self) -> &str {
        self.args.as_str()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, args, errno } = self;
        write!(f, "{}({}): {errno:?}: {}", call.as_str(), args.as_str(), errno.desc())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// Gives a failed call its name and its arguments.
pub(crate) fn explain<T>(
    result: nix::Result<T>,
    call: &str,
    args: fmt::Arguments<'_>,
) -> Result<T> {
    result.map_err(|errno| Error::new(call, args, errno))
}

/// The result of a raw system call, whose failure is −1 with `errno` set.
pub(crate) fn check(
    returned: libc::c_long,
    call: &str,
    args: fmt::Arguments<'_>,
) -> Result<libc::c_long> {
    if returned < 0 { Err(Error::new(call, args, Errno::last())) } else { Ok(returned) }
}

/// The errno of what the standard library did, under the name of its call.
pub(crate) fn from_io(error: &std::io::Error, call: &str, args: fmt::Arguments<'_>) -> Error {
    Error::new(call, args, error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

/// A short text without an allocation. What does not fit is cut.
#[derive(Clone, Copy)]
struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    fn new(args: fmt::Arguments<'_>) -> Self {
        let mut text = Self { bytes: [0; N], len: 0 };
        // Writing never fails: `write_str` cuts.
        let _ = text.write_fmt(args);
        text
    }

    fn as_str(&self) -> &str {
        // The only way in is `write_str`, which cuts between characters.
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let mut end = s.len().min(N - self.len);
        while !s.is_char_boundary(end) {
            end -= 1;
        }
        self.bytes[self.len..self.len + end].copy_from_slice(&s.as_bytes()[..end]);
        self.len += end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_like_a_line_of_strace() {
        let error = Error::new("openat2", format_args!("{}, {:?}", 7, "proc"), Errno::ENOENT);
        assert_eq!(error.to_string(), "openat2(7, \"proc\"): ENOENT: No such file or directory");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let error = Error::new("mount", format_args!("{}", "ü".repeat(100)), Errno::EPERM);
        assert_eq!(error.args(), "ü".repeat(60));
    }
}
