//! `peapod`, the program: parse, run, exit code. It alone prints errors.
#![forbid(unsafe_code)]
#![no_main]

mod cli;

use std::io::Write;

peapod::program!(run);

fn run() -> i32 {
    match cli::run(std::env::args_os().collect()) {
        Ok(code) => code.into(),
        Err(cli::Failed { code, error }) => {
            // One line, whatever an error text may have in it; and nobody to tell if
            // stderr is closed.
            let text = format!("{error:#}").replace('\n', " ");
            let _printed = writeln!(std::io::stderr(), "peapod: {text}");
            code.into()
        }
    }
}
