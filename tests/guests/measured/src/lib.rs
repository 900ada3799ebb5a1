//! A hook to measure with: does what the event's `operation` says, as often as its
//! `attempt` says. It imports nothing but the log, so that nothing else is measured.

use std::hint::black_box;
use std::time::Duration;

use hookward_sdk::prelude::*;

/// Does it.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    match event.operation.as_str() {
        "nothing" => Ok(()),
        "log" => {
            for _ in 0..event.attempt {
                info!("hello from {}", event.operation);
            }
            Ok(())
        }
        "compute" => {
            let rounds = u64::from(event.attempt) * 1000;
            black_box((0..rounds).fold(1_u64, |sum, n| black_box(sum.wrapping_mul(31).wrapping_add(n))));
            Ok(())
        }
        "spin" => loop {
            black_box(());
        },
        // Says that it has come so far.
        "sleep" => {
            info!("asleep");
            std::thread::sleep(Duration::MAX);
            Ok(())
        }
        other => Err(format!("measures no `{other}`")),
    }
}
