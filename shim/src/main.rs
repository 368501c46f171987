//! `containerd-shim-peapod-v1`, the program that containerd executes. It alone prints errors.
#![forbid(unsafe_code)]
#![no_main]

use std::io::Write;

peapod::program!(run);

fn run() -> i32 {
    match shim::containerd::run(std::env::args_os().collect()) {
        Ok(()) => 0,
        Err(error) => {
            // containerd shows it in a line of its log.
            let text = format!("{error:#}").replace('\n', " ");
            let _printed = writeln!(std::io::stderr(), "containerd-shim-peapod-v1: {text}");
            1
        }
    }
}
