use hookward_sdk::prelude::*;

#[hook]
fn run(_event: Event, _config: String) -> Result<(), String> {
    Ok(())
}

fn main() {}
