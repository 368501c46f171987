//! What stands in the files of a cgroup (cgroup-v2.rst, "Format").

/// The value in a line of parts of the form `key=value`.
#[must_use]
pub fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split(' ').find_map(|part| part.strip_prefix(key)?.strip_prefix('='))
}

/// No limit is the largest number; what is no number is 0.
#[must_use]
pub fn number(text: &str) -> u64 {
    match text.trim() {
        "max" => u64::MAX,
        text => text.parse().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_the_largest_number() {
        assert_eq!([number("max\n"), number("7\n"), number("")], [u64::MAX, 7, 0]);
    }

    #[test]
    fn a_value_is_that_of_its_whole_key() {
        assert_eq!(value("8:0 rbytes=1 bytes=2", "bytes"), Some("2"));
        assert_eq!(value("8:0 rbytes=1", "rios"), None);
    }
}
