use hookward_sdk::prelude::*;

#[hook]
fn run(_event: &mut Event) -> Result<(), String> {
    Ok(())
}

fn main() {}
