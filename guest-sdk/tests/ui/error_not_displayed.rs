use hookward_sdk::prelude::*;

#[derive(Debug)]
struct Silent;

#[hook]
fn run(_event: Event) -> Result<(), Silent> {
    Err(Silent)
}

fn main() {}
