use hookward_sdk::prelude::*;

#[hook(before)]
fn run(_event: Event) -> Result<(), String> {
    Ok(())
}

fn main() {}
