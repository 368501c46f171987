//! Regular expressions of POSIX, as libc has them: a library of our own would be larger than
//! peapod.

use super::Errno;
use std::ffi::CStr;
use std::mem::MaybeUninit;

/// A compiled expression.
pub(crate) struct Regex(libc::regex_t);

impl std::fmt::Debug for Regex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Regex")
    }
}

impl Regex {
    /// Compiles an extended regular expression (regex(7)).
    pub(crate) fn new(text: &CStr) -> super::Result<Self> {
        let mut compiled = MaybeUninit::uninit();
        let flags = libc::REG_EXTENDED | libc::REG_NOSUB;
        // SAFETY: `compiled` has room for what is written, and `text` ends with NUL.
        let failed = unsafe { libc::regcomp(compiled.as_mut_ptr(), text.as_ptr(), flags) };
        if failed != 0 {
            return Err(super::Error::new("regcomp", format_args!("{text:?}"), Errno::EINVAL));
        }
        // SAFETY: regcomp has filled it, or it would have said otherwise.
        Ok(Self(unsafe { compiled.assume_init() }))
    }

    /// Whether it is found anywhere in `text`.
    pub(crate) fn matches(&self, text: &CStr) -> bool {
        let none = std::ptr::null_mut();
        // SAFETY: the expression is compiled, `text` ends with NUL, and with REG_NOSUB no place is
        // written to.
        unsafe { libc::regexec(&raw const self.0, text.as_ptr(), 0, none, 0) == 0 }
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: it was compiled, and is used no more.
        unsafe { libc::regfree(&raw mut self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_looked_for_anywhere() {
        let regex = Regex::new(c"^web-[0-9]+$").unwrap();
        assert!(regex.matches(c"web-17"));
        assert!(!regex.matches(c"web-x") && !regex.matches(c"a-web-1"));
        assert!(Regex::new(c"b|d").unwrap().matches(c"abc"));
        assert!(Regex::new(c"(").is_err());
    }
}
