//! What pause stands on, there being no libc: its entry point and its eight system calls.
//!
//! # Safety
//!
//! All unsafe code of the program is in this folder, and all that the folder offers is safe: the
//! assembly for two machines, and pointers that the kernel reads, writes or hands over.
#![allow(unsafe_code, reason = "without a libc, the entry point and system calls are assembly")]

#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod machine;
#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod machine;

use core::{ffi::CStr, mem::MaybeUninit, panic::PanicInfo};

use machine::{number, syscall};

const MADV_DONTNEED: usize = 4;

/// The size that the kernel wants a signal set to have.
const SET_SIZE: usize = size_of::<u64>();

/// Where the machine's `_start` leads, with the first argument, or null if there is none.
///
/// Before that it moves the stack up, into the page of the arguments, and gives back what is below.
/// From there, the kernel leaves a random gap of up to 8 KiB to where it lets the stack begin: by
/// chance, the program would need up to three pages of stack. So it is one.
extern "C" fn start(argument: *const u8) -> ! {
    exit(crate::main(Bytes(argument)))
}

/// A panic cannot be told to anybody. (No code of pause can; this is for core's.)
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(255)
}

/// The bytes of an argument.
#[derive(Clone)]
pub(crate) struct Bytes(*const u8);

impl Iterator for Bytes {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: it is not null, so it points into a string that execve(2) left on the stack, at
        // the final NUL at most; that string is there as long as the process.
        let byte = unsafe { *self.0 };
        if byte == 0 {
            return None;
        }
        // SAFETY: `byte` is not the final NUL, so the next byte is of the same string.
        self.0 = unsafe { self.0.add(1) };
        Some(byte)
    }
}

pub(crate) fn getpid() -> isize {
    // SAFETY: it has no arguments.
    unsafe { syscall(number::GETPID, [0; 4]) }
}

/// Makes `set` the set of blocked signals.
pub(crate) fn block(set: u64) {
    const SIG_SETMASK: usize = 2;
    let set = (&raw const set).expose_provenance();
    // SAFETY: the kernel reads SET_SIZE bytes, all of `set`, and no old set is asked for.
    unsafe { syscall(number::RT_SIGPROCMASK, [SIG_SETMASK, set, 0, SET_SIZE]) };
}

/// Sets the name that ps(1) shows: run from a memfd, the program would be called by its number.
pub(crate) fn set_name(name: &CStr) {
    const PR_SET_NAME: usize = 15;
    let name = name.as_ptr().expose_provenance();
    // SAFETY: the kernel reads up to the NUL, which a CStr has.
    unsafe { syscall(number::PRCTL, [PR_SET_NAME, name, 0, 0]) };
}

/// Writes what one call can, to whomever it reaches.
pub(crate) fn write(descriptor: u32, bytes: &[u8]) {
    let start = bytes.as_ptr().expose_provenance();
    // SAFETY: the kernel reads no more than the slice, and no write to a descriptor, whatever it
    // is, changes this process's memory: nothing is mapped but the program and its stack.
    unsafe { syscall(number::WRITE, [descriptor as usize, start, bytes.len(), 0]) };
}

/// Reaps one dead child, of whatever kind. False if there is none.
pub(crate) fn reap() -> bool {
    const ANY: usize = usize::MAX;
    const WNOHANG: usize = 1;
    const WALL: usize = 0x4000_0000;
    // SAFETY: neither a status nor a usage is asked for, so the kernel writes nothing.
    let child = unsafe { syscall(number::WAIT4, [ANY, 0, WNOHANG | WALL, 0]) };
    child > 0
}

/// A signal, as the kernel's `siginfo_t` of 64-bit machines describes one that was sent.
#[repr(C)]
pub(crate) struct Signal {
    pub(crate) number: i32,
    errno: i32,
    /// How it was sent: `SI_USER` and so on.
    pub(crate) code: i32,
    padding: i32,
    /// Who sent it, if the code is one that has a sender.
    pub(crate) sender: i32,
    rest: [i32; 27],
}

/// Waits for a signal of `set`, which must be blocked. None if the wait was interrupted.
pub(crate) fn wait(set: u64) -> Option<Signal> {
    let mut signal = MaybeUninit::<Signal>::uninit();
    let set = (&raw const set).expose_provenance();
    let info = signal.as_mut_ptr().expose_provenance();
    // SAFETY: the kernel reads SET_SIZE bytes, all of `set`, and writes 128, all of `signal`; there
    // is no timeout to read.
    let number = unsafe { syscall(number::RT_SIGTIMEDWAIT, [set, info, 0, SET_SIZE]) };
    // SAFETY: the wait succeeded, so the kernel has written `signal`, for which any bits will do.
    (number > 0).then(|| unsafe { signal.assume_init() })
}

fn exit(status: u8) -> ! {
    loop {
        // SAFETY: it takes a number and does not return.
        unsafe { syscall(number::EXIT_GROUP, [status.into(), 0, 0, 0]) };
    }
}
