use hookward_sdk::prelude::*;

#[hook]
fn run(_event: Event) {}

fn main() {}
