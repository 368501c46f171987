//! Tells the linker where the program begins: runtime/src/sys/entry, as for `peapod`.

fn main() {
    // Named as undefined too, or the linker would not look for it in the library.
    for argument in ["--entry=peapod_start", "--undefined=peapod_start"] {
        println!("cargo::rustc-link-arg-bins=-Wl,{argument}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
