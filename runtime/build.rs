//! Compiles pause, whose file the library carries in itself: `$OUT_DIR/pause`.
//!
//! Not as a dependency: cargo cannot hand one crate's program to another, and whatever profile and
//! flags the library is built with, pause must come out static and about a kilobyte small.

#[path = "../pause/link_args.rs"]
mod link_args;

use std::{env, error::Error, path::Path, process::Command};

fn main() -> Result<(), Box<dyn Error>> {
    let pause = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pause");
    for source in ["src", "pause.ld"] {
        println!("cargo::rerun-if-changed={}", pause.join(source).display());
    }

    // Where the program begins: runtime/src/sys/entry. Named as undefined too, or the linker would
    // not look for it in the library.
    for argument in ["--entry=peapod_start", "--undefined=peapod_start"] {
        println!("cargo::rustc-link-arg-bins=-Wl,{argument}");
    }

    // What is built, as scripts/lib.sh knows it.
    println!("cargo::rerun-if-env-changed=PEAPOD_COMMIT");
    let commit = env::var("PEAPOD_COMMIT").unwrap_or_else(|_| "unknown".to_owned());
    println!("cargo::rustc-env=PEAPOD_COMMIT={commit}");

    // The version is the package's, which cargo has put into the environment for rustc to find.
    let mut rustc = Command::new(env::var("RUSTC")?);
    rustc
        .arg(pause.join("src/main.rs"))
        .args(["--crate-name=pause", "--crate-type=bin", "--edition=2024"])
        .args(["-Cpanic=abort", "-Copt-level=s", "-Ccodegen-units=1", "-Cstrip=symbols"])
        .args(["-Crelocation-model=static", "-Ctarget-feature=+crt-static"])
        .args(link_args::link_args(&pause).map(|argument| format!("-Clink-arg={argument}")))
        .arg(format!("--target={}", env::var("TARGET")?))
        .arg(format!("-o{}/pause", env::var("OUT_DIR")?));
    // Set where cargo was told of one, as it is when the target is another machine.
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    let status = rustc.status()?;
    if status.success() { Ok(()) } else { Err(format!("{rustc:?}: {status}").into()) }
}
