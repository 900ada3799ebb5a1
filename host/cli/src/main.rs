//! The `hookward` command.

fn main() {}
