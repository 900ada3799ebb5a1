//! Lets backups start in windows of time only. See the README for its settings.

use hookward_sdk::prelude::*;
use jiff::Timestamp;

mod config;
mod window;

use config::Config;

/// The hook: an error outside of every window.
#[hook]
pub fn run(event: &Event) -> Result<(), String> {
    at(event, Timestamp::now())
}

/// The hook at a given time.
///
/// # Errors
/// Outside of every window, with the next time that one opens.
pub fn at(_event: &Event, now: Timestamp) -> Result<(), String> {
    let config = Config::read().map_err(|error| error.to_string())?;
    window::check(&config, now)
}
