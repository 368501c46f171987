//! `/proc/PID/stat`: which process has that number, and whether it still does anything.

use super::file::{self, OFlag};
use procfs::FromRead;
use std::ffi::CString;

/// What the file says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    /// In clock ticks since boot.
    pub(crate) start_time: u64,
    /// Whether all that keeps it from its end is that others are not reaped: the first process of a
    /// PID namespace waits for the last one there, which may be for somebody outside to reap
    /// (`zap_pid_ns_processes`). It has neither memory nor descriptors any more.
    pub(crate) waits_for_others: bool,
    /// How a zombie has ended, as `wait(2)` encodes it. Only who may trace it sees that.
    pub(crate) wait_status: Option<i32>,
}

/// include/linux/sched.h: on its way out.
const PF_EXITING: u32 = 4;

/// The process that has the number `pid` now, if there is one.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    let path = CString::new(format!("/proc/{pid}/stat")).ok()?;
    let file = file::open(&path, OFlag::O_RDONLY).ok()?;
    parse(&file::read_to_end(file, LIMIT).ok()?)
}

/// More than the file has.
const LIMIT: usize = 4096;

fn parse(text: &[u8]) -> Option<Stat> {
    let stat = procfs::process::Stat::from_read(text).ok()?;
    let waits_for_others = stat.state == 'S' && stat.flags & PF_EXITING != 0;
    let wait_status = stat.exit_code.filter(|_| stat.state == 'Z');
    Some(Stat { start_time: stat.starttime, waits_for_others, wait_status })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits_for_others(state: char, flags: u32) -> bool {
        let text = format!(
            "7 (a) b) {state} 1 7 7 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0 0 0 0 0 0 0 0 0 \
             0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0"
        );
        let stat = parse(text.as_bytes()).unwrap();
        assert_eq!(stat.start_time, 4711);
        stat.waits_for_others
    }

    #[test]
    fn only_what_sleeps_on_its_way_out_waits_for_others() {
        assert!(waits_for_others('S', 0x40_044c));
        assert!(!waits_for_others('S', 0x40_0140));
        assert!(!waits_for_others('R', 0x40_044c));
        assert!(!waits_for_others('D', 0x40_044c));
        assert!(!waits_for_others('Z', 0x40_044c));
    }

    #[test]
    fn a_process_is_there_or_not() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(!stat(pid).unwrap().waits_for_others);
        assert!(stat(i32::MAX).is_none());
    }
}
