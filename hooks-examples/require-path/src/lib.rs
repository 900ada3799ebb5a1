//! Keeps a backup from starting when a file or directory isn't there, or isn't as it
//! should be. See the README for its settings.

use std::time::SystemTime;

use hookward_sdk::prelude::*;

mod check;
mod config;

use config::Config;

/// The hook: looks at every path, and tells everything that is wrong at once.
#[hook]
pub fn run(_event: Event) -> Result<(), String> {
    let config = Config::read().map_err(|error| error.to_string())?;
    let now = SystemTime::now();
    let mut wrong = Vec::new();
    for path in config.every_path() {
        match check::check(path, &config, now) {
            Ok(()) => debug!(path = path.display(), "as it should be"),
            Err(problem) => wrong.push(format!("{} {problem}", path.display())),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}
