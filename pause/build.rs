//! Links pause without a libc, in one small segment.

mod link_args;

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=pause.ld");
    for argument in link_args::link_args(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
