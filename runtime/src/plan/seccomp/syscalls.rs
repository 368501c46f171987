//! System calls: their numbers on each architecture, and the calls that several share.

/// A number that an architecture does not have.
const A: u16 = u16::MAX;

/// How many architectures there are numbers of.
pub(super) const COLUMNS: usize = 17;

/// The numbers of one name; [`number`] reads them.
pub(super) type Row = [u16; COLUMNS];

/// Sorted by name. Constant data, which nothing is made of at start-up.
static SYSCALLS: &[(&str, Row)] = &include!("syscalls.in");

/// The calls that 32-bit ARM has beside the numbered ones: `__ARM_NR_BASE` of its asm/unistd.h. In
/// the table they stand at 0xf000.
pub(super) const ARM_PRIVATE: u32 = 0xf_0000;
const ARM_PRIVATE_IN_TABLE: u16 = 0xf000;

/// The row of a name, unless no architecture has such a call.
pub(super) fn find(name: &str) -> Option<&'static Row> {
    Finder::default().find(name)
}

/// Finds one name after the other. Those of a profile mostly are in the order of the table, so the
/// next one is looked for right behind the last: a third of the time of a compilation otherwise
/// goes into the search.
#[derive(Debug, Default)]
pub(super) struct Finder {
    /// Behind the last one found.
    next: usize,
}

/// How far behind the last name the next one is looked for.
const NEAR: usize = 6;

impl Finder {
    pub(super) fn find(&mut self, name: &str) -> Option<&'static Row> {
        let near = SYSCALLS.iter().enumerate().skip(self.next).take(NEAR);
        let mut near = near.map(|(at, (known, _))| (at, (*known).cmp(name)));
        let found = near.find(|(_, order)| order.is_ge());
        let at = match found.filter(|(_, order)| order.is_eq()) {
            Some((at, _)) => at,
            None => SYSCALLS.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?,
        };
        self.next = at + 1;
        SYSCALLS.get(at).map(|(_, row)| row)
    }
}

/// The number in a column, if that architecture has the call.
pub(super) fn number(row: &Row, column: usize) -> Option<u32> {
    match *row.get(column)? {
        A => None,
        private if private >= ARM_PRIVATE_IN_TABLE => {
            Some(ARM_PRIVATE + u32::from(private - ARM_PRIVATE_IN_TABLE))
        }
        number => Some(u32::from(number)),
    }
}

/// A call that some architectures have only, or also, as a part of another one, which its first
/// argument chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// The call that it is a part of.
    pub(super) of: &'static str,
    /// The first argument of that.
    pub(super) selector: u64,
}

/// What part of another call `name` is, where there is that other call.
pub(super) fn part(name: &str) -> Option<Part> {
    let selector = |(_, selector): &(&str, u64)| *selector;
    let find = |parts: &[(&str, u64)]| parts.iter().find(|(part, _)| *part == name).map(selector);
    let socketcall = find(&SOCKETCALL).map(|selector| Part { of: "socketcall", selector });
    socketcall.or_else(|| find(&IPC).map(|selector| Part { of: "ipc", selector }))
}

/// include/uapi/linux/net.h: `SYS_SOCKET` …
const SOCKETCALL: [(&str, u64); 20] = [
    ("socket", 1),
    ("bind", 2),
    ("connect", 3),
    ("listen", 4),
    ("accept", 5),
    ("getsockname", 6),
    ("getpeername", 7),
    ("socketpair", 8),
    ("send", 9),
    ("recv", 10),
    ("sendto", 11),
    ("recvfrom", 12),
    ("shutdown", 13),
    ("setsockopt", 14),
    ("getsockopt", 15),
    ("sendmsg", 16),
    ("recvmsg", 17),
    ("accept4", 18),
    ("recvmmsg", 19),
    ("sendmmsg", 20),
];

/// include/uapi/linux/ipc.h: `SEMOP` …
const IPC: [(&str, u64); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_order() {
        let mut finder = Finder::default();
        let names = SYSCALLS.iter().map(|(name, _)| *name);
        let every_third = names.clone().step_by(3);
        for name in names.clone().chain(every_third).chain(names.rev()) {
            let found = finder.find(name).unwrap();
            let row = SYSCALLS.iter().find(|(known, _)| *known == name).map(|(_, row)| row);
            assert_eq!(Some(found), row, "{name}");
            assert!(finder.find("no_such_call").is_none() && finder.find("").is_none());
        }
    }

    #[test]
    fn names_are_sorted_and_numbers_those_of_the_kernel() {
        assert!(SYSCALLS.is_sorted_by(|(one, _), (next, _)| one < next));
        let all = |name| {
            let row = find(name).unwrap();
            (0..6).map(|column| number(row, column)).collect::<Vec<_>>()
        };
        assert_eq!(all("read"), [Some(0), Some(3), Some(0), Some(63), Some(3), Some(63)]);
        assert_eq!(all("execveat")[..3], [Some(322), Some(358), Some(545)]);
        assert_eq!(all("set_tls"), [None, None, None, None, Some(0xf_0005), None]);
        assert!(find("no_such_call").is_none());
    }
}
