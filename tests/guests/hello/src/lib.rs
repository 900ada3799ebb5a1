//! The least that a hook can do: one log message, and ok.

use hookward_sdk::prelude::*;

/// Says hello.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    info!("hello from {}", event.operation);
    Ok(())
}
