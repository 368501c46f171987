//! `main`, without what the standard library does before it.
//!
//! Rust's own start reads `/proc/self/maps` to find the end of the stack, and sets up a second one
//! to report that it was passed: half of what is ours in the start of a process that lives for a
//! millisecond.

use super::file;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{self, SigHandler, Signal};
use std::os::fd::{BorrowedFd, IntoRawFd};

/// Makes a function without arguments that returns an exit status the program's `main`.
#[macro_export]
macro_rules! program {
    ($run:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn main() -> i32 {
            $crate::sys::start::prepare();
            $run()
        }
    };
}

/// What every program of ours relies on: 0, 1 and 2 are open, lest a file that is opened later
/// became somebody's stdout; and writing to a closed pipe is an error, not a signal that ends the
/// process between doing and undoing.
pub fn prepare() {
    // SAFETY: SIG_IGN is no handler that could run.
    let _was_default = unsafe { signal::signal(Signal::SIGPIPE, SigHandler::SigIgn) };
    // SAFETY: nothing is done with the descriptors but asking whether they are open.
    let stdio = [0, 1, 2].map(|number| unsafe { BorrowedFd::borrow_raw(number) });
    let mut polled = stdio.map(|fd| PollFd::new(fd, PollFlags::empty()));
    let _ready = nix::poll::poll(&mut polled, PollTimeout::ZERO);
    for fd in &polled {
        if fd.revents().is_some_and(|events| events.contains(PollFlags::POLLNVAL)) {
            // The lowest number that is free is the one that is missing. Kept for good.
            let _number = file::open(c"/dev/null", OFlag::O_RDWR).map(IntoRawFd::into_raw_fd);
        }
    }
}
