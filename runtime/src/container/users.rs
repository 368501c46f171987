//! The names of this host's users.

use std::fs;

/// What the user `uid` is called, or the number if nobody says. Root is not looked up: most often
/// it is that, and the question is asked of every container of a list.
pub(super) fn name_of(uid: u32) -> String {
    if uid == 0 {
        return "root".to_owned();
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&users, uid).map_or_else(|| uid.to_string(), str::to_owned)
}

/// passwd(5): name, password, number.
fn name_in(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_name_of_the_first_line_with_its_number() {
        let users = "root:x:0:0::/:/bin/sh\nbroken\na:x:7:7:::\nb:x:7:7:::\n";
        assert_eq!(name_in(users, 7), Some("a"));
        assert_eq!(name_in(users, 8), None);
        assert_eq!(name_of(0), "root");
        assert_eq!(name_of(u32::MAX - 1), (u32::MAX - 1).to_string());
    }
}
