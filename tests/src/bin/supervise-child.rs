//! The process of a `Supervisor`. The first argument only names it.

use std::process::ExitCode;

fn main() -> ExitCode {
    match hookward_engine::supervise_child(std::env::args_os().skip(2)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
