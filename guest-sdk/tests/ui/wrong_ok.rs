use hookward_sdk::prelude::*;

#[hook]
fn run(_event: Event) -> Result<u8, String> {
    Ok(1)
}

fn main() {}
