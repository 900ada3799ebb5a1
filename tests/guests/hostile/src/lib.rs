//! A hook for tests of the host: does the harm that its setting `mode` names, or,
//! to show that the host still serves, none.
//!
//! What a mode finds out it returns as its error, so that a test can read it.

mod host;
mod modes;

use hookward_sdk::prelude::*;
use modes::Mode;
use serde::Deserialize;

/// What to do, and with what.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    mode: Mode,
    /// A text to say, a path, a name or an address.
    #[serde(default)]
    text: String,
    /// Bytes, milliseconds, rounds or an exit code.
    #[serde(default)]
    amount: u64,
}

/// Does what the setting `mode` says.
#[hook]
pub fn run(_: Event) -> Result<(), String> {
    let Config { mode, text, amount } = config().map_err(|error| error.to_string())?;
    mode.run(&text, amount)
}
