use hookward_sdk::prelude::*;

struct Mine;

impl Mine {
    #[hook]
    fn run(&self, _event: Event) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
