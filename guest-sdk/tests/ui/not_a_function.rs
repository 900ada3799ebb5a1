use hookward_sdk::prelude::*;

#[hook]
struct Hook;

fn main() {}
