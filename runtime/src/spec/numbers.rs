//! Lists of processors and of nodes, such as `0-3,7`.

use std::ops::RangeInclusive;

/// The ranges of a list in the kernel's format (`bitmap_parselist`), but for its words and strides;
/// `None` if it is not one.
pub(crate) fn numbers(list: &str) -> Option<Vec<RangeInclusive<u32>>> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| !text.starts_with('+'));
    let range = |part: &str| match part.split_once('-') {
        None => number(part).map(|one| one..=one),
        Some((first, last)) => match (number(first)?, number(last)?) {
            (first, last) if first <= last => Some(first..=last),
            _ => None,
        },
    };
    list.split(',').map(|part| range(part.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_numbers_and_ranges() {
        assert_eq!(numbers("0-3,7"), Some(vec![0..=3, 7..=7]));
        assert_eq!(numbers("2"), Some(vec![2..=2]));
        for bad in ["", ",", "a", "3-1", "1-", "-1", "+1", "1,,2", "4294967296"] {
            assert_eq!(numbers(bad), None, "{bad}");
        }
    }
}
