//! `peapod`, the program: parse, run, exit code. It alone prints errors.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), no_main)]

mod cli;

#[cfg(not(test))]
peapod::program!(run);

#[cfg_attr(test, expect(dead_code, reason = "tests have a `main` of their own"))]
fn run() -> i32 {
    match cli::run(std::env::args_os().collect()) {
        Ok(code) => code.into(),
        Err(cli::Failed { code, error }) => {
            cli::log::error(&format!("{error:#}"));
            code.into()
        }
    }
}
