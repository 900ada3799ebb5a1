use hookward_sdk::prelude::*;

#[hook]
fn run<T>(_event: Event) -> Result<(), String> {
    Ok(())
}

fn main() {}
