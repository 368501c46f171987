//! The first instructions of a program that clones containers: before libc starts, the executable
//! is sealed.
//!
//! Sealing means to execute the same file again from where nobody can write to it (CVE-2019-5736,
//! [`ensure_sealed`](crate::container::ensure_sealed)). Done in `main` it starts libc twice, which
//! costs more than all the rest of it: where the hypervisor traps `cpuid`, libc's look at the
//! processor alone takes 0.2 ms. So the linker is told that the program begins here (build.rs).
//! Where no argument is a verb that clones a process, where this already is the sealed copy, and
//! where sealing fails, libc starts as if nothing had been. Nothing relies on this: whether the
//! program is sealed is for `ensure_sealed` to find out, which also has the slow way.
//!
//! Nothing of libc works yet: no allocation, no thread-local storage, no panic, and no `memcpy`,
//! which compilers make of copies and loops. Whoever adds one sees a crash at each `create`.

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod arch;
mod seal;

/// Verbs that clone a process; `serve` is the shim's. An argument that only looks like one costs
/// 0.2 ms.
pub(crate) const SEALED_VERBS: [&str; 4] = ["create", "exec", "run", "serve"];

/// The variable that tells the sealed copy which file it is: `DEVICE:INODE`.
pub(crate) const TOKEN: &str = "_PEAPOD_SEALED";

/// What the kernel puts on the stack of a new program: the number of arguments, pointers to them, a
/// null pointer, pointers to the variables of the environment, a null pointer.
#[derive(Clone, Copy)]
struct Stack(*const usize);

impl Stack {
    /// The pointers to the arguments, which a null pointer ends.
    fn argv(self) -> Pointers {
        Pointers(self.0.wrapping_add(1))
    }

    /// The pointers to the variables, which a null pointer ends.
    fn envp(self) -> Pointers {
        // SAFETY: the kernel has put the number of arguments here.
        let argc = unsafe { self.0.read() };
        Pointers(self.0.wrapping_add(argc + 2))
    }
}

/// An array of pointers to C strings that ends with a null pointer.
#[derive(Clone, Copy)]
struct Pointers(*const usize);

impl Iterator for Pointers {
    type Item = Text;

    fn next(&mut self) -> Option<Text> {
        // SAFETY: the array is the kernel's, and its end is never passed.
        let address = unsafe { self.0.read() };
        if address == 0 {
            return None;
        }
        self.0 = self.0.wrapping_add(1);
        Some(Text(address as *const u8))
    }
}

/// A C string of the initial stack.
#[derive(Clone, Copy)]
struct Text(*const u8);

impl Text {
    /// Whether it begins with `start`, and `next` comes then.
    fn is(self, start: &str, next: u8) -> bool {
        for (at, wanted) in start.bytes().chain([next]).enumerate() {
            // SAFETY: all bytes before this one were equal to those of `start`, and so not the 0
            // at the end.
            if unsafe { self.0.wrapping_add(at).read() } != wanted {
                return false;
            }
        }
        true
    }
}

/// Called by [`arch`] with the initial stack. Returns if libc is to start.
extern "C" fn before_libc(stack: *const usize) {
    let stack = Stack(stack);
    let is_verb = |argument: Text| SEALED_VERBS.iter().any(|verb| argument.is(verb, 0));
    let is_sealed = || stack.envp().any(|variable| variable.is(TOKEN, b'='));
    if stack.argv().any(is_verb) && !is_sealed() {
        // Comes back only from a failure.
        let _failed = seal::execute(stack);
    }
}
