use hookward_sdk::prelude::*;

#[hook]
async fn run(_event: Event) -> Result<(), String> {
    Ok(())
}

fn main() {}
