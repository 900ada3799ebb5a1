use hookward_sdk::prelude::*;

#[hook]
fn run(_event: Event) -> Option<String> {
    None
}

fn main() {}
