//! PID 1 of a pod: holds its namespaces open, reaps its orphans, ends when told to from outside.
//!
//! `pause` holds. `pause N` also writes one byte to descriptor N as soon as no signal can be lost
//! any more. It never closes or reads N, so that descriptors which the peer of a socket sends there
//! live as long as the pod. `pause -v` prints the version.
#![no_std]
#![no_main]

mod arch;

use arch::{Bytes, Signal};

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;
const SIGCHLD: i32 = 17;

const AWAITED: u64 = bit(SIGINT) | bit(SIGTERM) | bit(SIGCHLD);
const EVERY: u64 = !0;

const VERSION: &str = concat!("pause ", env!("CARGO_PKG_VERSION"), "\n");

/// Does what the first argument asks for (none counts as empty) and returns the exit status.
fn main(argument: Bytes) -> u8 {
    match Request::parse(argument) {
        Some(Request::Version) => arch::write(1, VERSION.as_bytes()),
        Some(Request::Hold { ready }) => hold(ready),
        None => return 2,
    }
    0
}

enum Request {
    Version,
    Hold { ready: Option<u32> },
}

impl Request {
    fn parse(argument: Bytes) -> Option<Self> {
        if argument.clone().eq(*b"-v") {
            return Some(Self::Version);
        }
        let mut ready = None;
        for byte in argument {
            let digit = char::from(byte).to_digit(10)?;
            ready = Some(ready.unwrap_or(0_u32).checked_mul(10)?.checked_add(digit)?);
        }
        Some(Self::Hold { ready })
    }
}

/// Reaps until a signal asks for the end.
fn hold(ready: Option<u32>) {
    let init = arch::getpid() == 1;
    // A PID 1 blocks only what it waits for. To a PID 1 without handlers, the kernel drops other
    // signals when they are sent (but SIGKILL and SIGSTOP from outside). Blocked, they would be
    // queued, real-time signals without end: `Signal::ends` says what a full queue is good for.
    arch::block(if init { AWAITED } else { EVERY });
    arch::set_name(c"pause");
    if let Some(descriptor) = ready {
        // If nobody is left to be told, the pod lives all the same.
        arch::write(descriptor, b"\n");
    }
    loop {
        // Before the first wait, too: children from before the exec may have died unnoticed. And in
        // batches: one SIGCHLD may stand for any number of deaths.
        while arch::reap() {}
        if arch::wait(AWAITED).is_some_and(|signal| signal.ends(init)) {
            return;
        }
    }
}

impl Signal {
    /// Whether pause must end.
    ///
    /// As PID 1, only if the signal is from outside its PID namespace: any process inside may have
    /// the right to signal pause, but the kernel lets none kill it. A sender outside is process 0.
    /// A sender inside can claim to be 0 too (`rt_sigqueueinfo`), but not with the code of kill(2).
    ///
    /// One forgery remains. Beyond pause's `RLIMIT_SIGPENDING` the kernel delivers a queued SIGTERM
    /// without its siginfo, which then reads like kill(2) by process 0. So whoever starts pause has
    /// to keep the pod from lowering its limits, for which prlimit(2) wants equal ids, all six, or
    /// `CAP_SYS_RESOURCE` (`RLIMIT_CPU` would kill as well), and from reaching this one.
    ///
    /// Not as PID 1, from anybody: who may send SIGTERM may send SIGKILL as well.
    fn ends(&self, init: bool) -> bool {
        const SI_USER: i32 = 0;
        let outside = self.code == SI_USER && self.sender == 0;
        self.number != SIGCHLD && (outside || !init)
    }
}

/// The place of a signal in the kernel's sets.
const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}
