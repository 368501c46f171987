//! The environment that this process was started with.

use std::ffi::c_char;

unsafe extern "C" {
    /// `environ(7)`: libc's array of the variables, which a null pointer ends.
    static environ: *const *mut c_char;
}

/// Overwrites all variables with zeros, where the kernel has put them: so `/proc/PID/environ` shows
/// nothing any more. For a process with one thread; it allocates nothing.
pub(crate) fn wipe() {
    // SAFETY: nobody writes the pointer but setenv and clearenv, which nothing here calls.
    let mut next = unsafe { environ };
    while !next.is_null() {
        // SAFETY: the array ends with a null pointer, and is not read past that.
        let mut place = unsafe { next.read() };
        if place.is_null() {
            break;
        }
        // SAFETY: a C string, and its end is not passed.
        while unsafe { place.read() } != 0 {
            // SAFETY: the string is on the stack that the kernel has made, or where setenv has put
            // it, and either may be written; no other thread reads it, and who reads it later finds
            // an empty one.
            unsafe { place.write_volatile(0) };
            place = place.wrapping_add(1);
        }
        next = next.wrapping_add(1);
    }
}
