use hookward_sdk::prelude::*;

#[hook]
fn run() -> Result<(), String> {
    Ok(())
}

fn main() {}
