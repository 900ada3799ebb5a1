//! The program by itself. What it does as a whole is tested in `tests/`; that this
//! target exists makes `cargo test` build the program that those tests run.

use std::process::Command;

#[test]
fn the_program_tells_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_hookward")).arg("--version").output().unwrap();
    let expected = format!("hookward {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}
