//! Executes this program again through an overlay, with system calls alone.
//!
//! The overlay has no upper layer, and the descriptor of its mount is closed: nothing that is done
//! with the mount or the file leads to one that can be written to, and it costs no memory.

use super::arch::syscall;
use super::{Stack, TOKEN, Text};
use std::ffi::CStr;
use std::mem::MaybeUninit;

const AT_FDCWD: usize = (libc::AT_FDCWD as isize).cast_unsigned();
const DIRECTORY: usize = (libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC) as usize;

// include/uapi/linux/mount.h
const FSOPEN_CLOEXEC: usize = 1;
const FSCONFIG_SET_STRING: usize = 1;
const FSCONFIG_CMD_CREATE: usize = 6;
const FSMOUNT_CLOEXEC: usize = 1;
/// Read-only, no setuid, no devices.
const ATTRIBUTES: usize = 0x1 | 0x2 | 0x4;

/// One layer alone is refused, and layers must not overlap: the other one is this, and, for a
/// program that is in or below it, the second.
const OTHER_LAYERS: (&CStr, &CStr) = (c"/run", c"/dev");

/// Who has more variables than this gets the slow way.
const MOST_VARIABLES: usize = 1000;

/// Does not return, unless something is missing: then `None`, and nothing of the attempt is left.
///
/// A function of its own, also when compiled: every verb would touch the pages of its stack else.
#[inline(never)]
pub(super) fn execute(stack: Stack) -> Option<()> {
    let mut path = MaybeUninit::<[u8; libc::PATH_MAX as usize]>::uninit();
    let (directory, name) = own_path(path.as_mut_ptr().cast())?;
    let exe = {
        let layer = Fd::open(AT_FDCWD, directory, DIRECTORY)?;
        let other = Fd::open(AT_FDCWD, other_layer(Text(directory)), DIRECTORY)?;
        let mount = overlay(&layer, &other)?;
        Fd::open(mount.0, name, (libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_CLOEXEC) as usize)?
    };
    let mut token = MaybeUninit::<[u8; 64]>::uninit();
    let token = announce(&exe, token.as_mut_ptr().cast())?;
    let mut envp = MaybeUninit::<[usize; MOST_VARIABLES + 2]>::uninit();
    let envp = extend(stack, token, envp.as_mut_ptr().cast())?;
    let (empty, argv) = (c"".as_ptr() as usize, stack.argv().0 as usize);
    let flags = libc::AT_EMPTY_PATH as usize;
    call(libc::SYS_execveat, [exe.0, empty, argv, envp as usize, flags])?;
    None
}

/// Where this program's file is: its directory and its name, both in `space`, which has `PATH_MAX`
/// bytes.
fn own_path(space: *mut u8) -> Option<(*const u8, *const u8)> {
    let link = c"/proc/self/exe".as_ptr() as usize;
    let size = libc::PATH_MAX as usize - 1;
    let length = call(libc::SYS_readlinkat, [AT_FDCWD, link, space as usize, size, 0])?;
    put(space, length, 0);
    let mut slash = length;
    while slash > 0 {
        slash -= 1;
        // SAFETY: the kernel has written `length` bytes, and `slash` is less.
        if unsafe { space.wrapping_add(slash).read() } == b'/' {
            put(space, slash, 0);
            let directory = if slash == 0 { c"/".as_ptr().cast() } else { space.cast_const() };
            return Some((directory, space.wrapping_add(slash + 1)));
        }
    }
    None
}

fn other_layer(directory: Text) -> *const u8 {
    let (usual, second) = OTHER_LAYERS;
    let is_below = directory.is("/run", 0) || directory.is("/run", b'/');
    if is_below { second.as_ptr().cast() } else { usual.as_ptr().cast() }
}

fn overlay(layer: &Fd, other: &Fd) -> Option<Fd> {
    let mut lower = MaybeUninit::<[u8; 64]>::uninit();
    let mut text = Writer { start: lower.as_mut_ptr().cast(), len: 0 };
    // By descriptors, whose names are short and have no colon.
    text.add("/proc/self/fd/");
    text.decimal(layer.0 as u64);
    text.add(":/proc/self/fd/");
    text.decimal(other.0 as u64);
    let lower = text.finish();
    let filesystem =
        Fd(call(libc::SYS_fsopen, [c"overlay".as_ptr() as usize, FSOPEN_CLOEXEC, 0, 0, 0])?);
    // Without `xino=off` each mount leaves a line in the kernel's log.
    let options = [(c"lowerdir".as_ptr(), lower), (c"xino".as_ptr(), c"off".as_ptr().cast())];
    for (key, value) in options {
        let arguments = [filesystem.0, FSCONFIG_SET_STRING, key as usize, value as usize, 0];
        call(libc::SYS_fsconfig, arguments)?;
    }
    call(libc::SYS_fsconfig, [filesystem.0, FSCONFIG_CMD_CREATE, 0, 0, 0])?;
    call(libc::SYS_fsmount, [filesystem.0, FSMOUNT_CLOEXEC, ATTRIBUTES, 0, 0]).map(Fd)
}

/// The variable that says which file `exe` is, in `space`, which has 64 bytes.
fn announce(exe: &Fd, space: *mut u8) -> Option<*const u8> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    call(libc::SYS_fstat, [exe.0, stat.as_mut_ptr() as usize, 0, 0, 0])?;
    // SAFETY: the kernel has filled it.
    let stat = unsafe { stat.assume_init_ref() };
    let mut text = Writer { start: space, len: 0 };
    text.add(TOKEN);
    text.add("=");
    text.decimal(stat.st_dev);
    text.add(":");
    text.decimal(stat.st_ino);
    Some(text.finish())
}

/// The environment with one more variable, in `space`, which has room for `MOST_VARIABLES` of them,
/// one more, and a null pointer.
fn extend(stack: Stack, variable: *const u8, space: *mut usize) -> Option<*const usize> {
    let mut count = 0;
    for text in stack.envp() {
        if count == MOST_VARIABLES {
            return None;
        }
        // SAFETY: `count` is less than the number of pointers that fit.
        unsafe { space.wrapping_add(count).write(text.0 as usize) };
        count += 1;
    }
    // SAFETY: two are left.
    unsafe { space.wrapping_add(count).write(variable as usize) };
    // SAFETY: one is left.
    unsafe { space.wrapping_add(count + 1).write(0) };
    Some(space)
}

/// A text that is put together. Its user makes sure that it fits.
struct Writer {
    start: *mut u8,
    len: usize,
}

impl Writer {
    fn byte(&mut self, byte: u8) {
        put(self.start, self.len, byte);
        self.len += 1;
    }

    fn add(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.byte(byte));
    }

    fn decimal(&mut self, number: u64) {
        let mut unit = 1;
        while number / unit >= 10 {
            unit *= 10;
        }
        while unit > 0 {
            let [digit, ..] = (number / unit % 10).to_le_bytes();
            self.byte(b'0' + digit);
            unit /= 10;
        }
    }

    fn finish(mut self) -> *const u8 {
        self.byte(0);
        self.start
    }
}

/// Volatile, or the compiler might see a loop of writes as a call of `memset` or `memcpy`.
fn put(space: *mut u8, at: usize, byte: u8) {
    // SAFETY: callers stay within the space that they have.
    unsafe { space.wrapping_add(at).write_volatile(byte) };
}

/// An open descriptor.
struct Fd(usize);

impl Fd {
    fn open(directory: usize, path: *const u8, flags: usize) -> Option<Self> {
        call(libc::SYS_openat, [directory, path as usize, flags, 0, 0]).map(Self)
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        let _closed = call(libc::SYS_close, [self.0, 0, 0, 0, 0]);
    }
}

fn call(number: libc::c_long, arguments: [usize; 5]) -> Option<usize> {
    // SAFETY: callers pass C strings, and space as large as they say.
    let returned = unsafe { syscall(number, arguments) };
    usize::try_from(returned).ok()
}
