use hookward_sdk::prelude::*;

#[hook]
fn run(_event: Outcome) -> Result<(), String> {
    Ok(())
}

fn main() {}
