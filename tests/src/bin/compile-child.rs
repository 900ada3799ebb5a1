//! The process of a `Compiler::Child`. The first argument is the processor time in
//! seconds that it may use, any other only names it.

use std::io::{stdin, stdout};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60);
    match hookward_engine::compile_child(stdin().lock(), stdout().lock(), Duration::from_secs(seconds)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
